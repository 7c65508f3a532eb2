import type { CommandName } from '@recourse/contracts/commands';
import {
  type CancelPreview,
  rfc3339,
  type Saga,
  type SagaState as SagaStateName,
} from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { getNextTransitions } from 'xstate';
import { knownVersion, machines } from './machines.ts';
import type { SagaState } from './step.ts';

/** What a saga is shown from: the records of its own stream and of its order's, and what is known besides. */
export type SagaSources = {
  readonly orderId: OrderId;
  readonly created: RecordedEvent<'OrderCreated'>;
  /** `saga-<id>` in order; of a very long one the first, which sets the deadline, and the last ones. */
  readonly advances: readonly RecordedEvent<'SagaAdvanced'>[];
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
  const state: SagaState = last?.data.state ?? {
    value: 'accepted',
    status: 'active',
    context: { sequence: {} },
  };
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
    next: open ? nextOf(state.value, last?.data.machine.version ?? 1) : [],
  };
};

const deadlineOf = (advances: SagaSources['advances']): number | undefined => {
  for (const { time, data } of advances) {
    const timer = data.timers.set.find(({ kind }) => kind === 'deadline');
    if (timer !== undefined) return time + timer.afterMs;
  }
  return undefined;
};

/** What the chart can hear in a state, and where each would lead; the chart's own timers under their wire name. */
const nextOf = (value: string, version: number): Saga['next'] => {
  const machine: (typeof machines)[1] = machines[knownVersion(version)] as never;
  const snapshot = machine.resolveState({ value: value as never, context: { sequence: {} } });
  const seen = new Map<string, Saga['next'][number]>();
  for (const { eventType, target } of getNextTransitions(snapshot)) {
    const event = eventType === 'AskDue' || eventType === 'DeadlinePassed' ? 'TimerFired' : eventType;
    const state = (target?.[0]?.key ?? value) as SagaStateName;
    seen.set(`${event}→${state}`, { event, state });
  }
  return [...seen.values()];
};

/** Which undo takes back what, in the order in which an order is taken back. */
const undos = [
  { command: 'CancelShipment', undoes: 'shipment', states: ['shipping', 'cancellingShipment'] },
  {
    command: 'ReleaseInventory',
    undoes: 'reservation',
    states: ['reserving', 'shipping', 'cancellingShipment', 'releasing'],
  },
  {
    command: 'RefundPayment',
    undoes: 'payment',
    states: ['paying', 'reserving', 'shipping', 'cancellingShipment', 'releasing', 'refunding'],
  },
  {
    command: 'CancelOrder',
    undoes: 'order',
    states: [
      'accepted',
      'paying',
      'reserving',
      'shipping',
      'cancellingShipment',
      'releasing',
      'refunding',
      'cancelling',
    ],
  },
] as const satisfies readonly { command: CommandName; undoes: string; states: readonly SagaStateName[] }[];

/** The step in flight in each forward state: it is undone although its outcome is not known. */
const inFlight: Partial<Record<string, CommandName>> = {
  paying: 'RefundPayment',
  reserving: 'ReleaseInventory',
  shipping: 'CancelShipment',
};

/**
 * What cancelling would undo, from the order's real history: `state` of its saga, and whether the parcel is gone.
 * `certain: false` marks the step in flight, which may turn out not to have happened.
 */
export const cancelPreview = (orderId: OrderId, state: SagaStateName, shipped: boolean): CancelPreview => {
  const reason =
    state === 'completed' || state === 'completing' || shipped
      ? 'The order has been shipped: it can only be completed.'
      : state === 'cancelled'
        ? 'The order is cancelled already.'
        : null;
  const undo = undos.filter(({ states }) => (states as readonly string[]).includes(state));
  return {
    orderId,
    cancellable: reason === null,
    reason,
    undo:
      reason === null
        ? undo.map(({ command, undoes }) => ({ command, undoes, certain: inFlight[state] !== command }))
        : [],
  };
};
