import { rfc3339, type Saga, type SagaState as SagaStateName } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { getNextTransitions } from 'xstate';
import { isKnownVersion, machines } from './machines.ts';
import { accepted, type SagaState } from './step.ts';

/** What a saga is shown from: the records of its own stream and of its order's, and what is known besides. */
export type SagaSources = {
  readonly orderId: OrderId;
  readonly created: RecordedEvent<'OrderCreated'>;
  /** `saga-<id>` in order; of a very long one the first, which sets the deadline, and the last ones. */
  readonly advances: readonly RecordedEvent<'SagaAdvanced'>[];
  /** The version on which it would begin, where it has not; the first where nothing is said. */
  readonly startsOn?: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The deadline of a saga that has not taken its first step. */
  readonly deadlineMs: number;
  /** How long past its deadline an open saga is stuck. */
  readonly stuckAfterMs: number;
  /** Whether one of its messages is a dead letter. */
  readonly hasDeadLetter: boolean;
  /** Whether a participant's stream holds an outcome that came after a person had settled its step. */
  readonly hasLateAnswer: boolean;
};

/** Shows a saga, as of the last of the advances given (as it was: give fewer). */
export const sagaView = (sources: SagaSources): Saga => {
  const { orderId, created, advances, now } = sources;
  const last = advances.at(-1);
  const state = last?.data.state ?? accepted;
  const { outstanding, because, askTimer, flags = [] } = state.context;
  const open = state.status === 'active';
  const deadline = deadlineOf(advances) ?? created.time + sources.deadlineMs;
  const overdue = open && now > deadline + sources.stuckAfterMs;
  return {
    sagaId: orderId,
    state: state.value as SagaStateName,
    machine: last?.data.machine ?? null,
    revision: last?.revision ?? -1,
    because: because ?? null,
    waitsFor:
      outstanding === undefined
        ? null
        : {
            commandId: outstanding.commandId,
            type: outstanding.type,
            asks: outstanding.asks,
            timerId: askTimer ?? null,
          },
    deadline: open ? rfc3339(deadline) : null,
    stuck: overdue || (open && sources.hasDeadLetter),
    flags: [
      ...flags,
      ...(overdue ? ['overdue'] : []),
      ...(sources.hasDeadLetter ? ['dead-letter'] : []),
      ...(sources.hasLateAnswer && !flags.includes('late-answer') ? ['late-answer'] : []),
    ],
    steps: advances.map(({ revision, time, data }) => ({
      revision,
      at: rfc3339(time),
      heard: {
        id: data.input.id,
        type: data.input.type,
        stream: orderStream(data.input.category, orderId),
        revision: data.input.revision,
      },
      state: data.state.value as SagaStateName,
      commands: data.commands.map(({ id, type }) => ({ id, type })),
    })),
    next: open ? nextOf(state, last?.data.machine.version ?? sources.startsOn ?? 1) : [],
  };
};

const deadlineOf = (advances: SagaSources['advances']): number | undefined => {
  for (const { time, data } of advances) {
    const timer = data.timers.set.find(({ kind }) => kind === 'deadline');
    if (timer !== undefined) return time + timer.afterMs;
  }
  return undefined;
};

/**
 * What the chart can hear in a state, and where each would lead; the chart's own timers under their wire name. Nothing
 * where the saga is pinned to a version that this build does not know.
 */
const nextOf = ({ value, context }: SagaState, version: number): Saga['next'] => {
  if (!isKnownVersion(version)) return [];
  const machine: (typeof machines)[1] = machines[version] as never;
  const snapshot = machine.resolveState({ value: value as never, context });
  const captured = context.captured === true;
  const seen = new Map<string, Saga['next'][number]>();
  const decided = new Set<string>();
  for (const { eventType, guard, target } of getNextTransitions(snapshot)) {
    // Whether money was captured is known already; what else guards hang on, only the event will tell.
    if (decided.has(eventType) || (guard === 'captured' && !captured)) continue;
    if (guard === 'captured') decided.add(eventType);
    const event = eventType === 'AskDue' || eventType === 'DeadlinePassed' ? 'TimerFired' : eventType;
    const state = (target?.[0]?.key ?? value) as SagaStateName;
    seen.set(`${event}→${state}`, { event, state });
  }
  return [...seen.values()];
};
