import type { CommandName } from '@recourse/contracts/commands';
import type { EventData, Participant, SagaContext, TimerSet } from '@recourse/contracts/events';
import type { CommandId, EventId, TimerId } from '@recourse/contracts/ids';
import { addressee, registered } from '@recourse/contracts/registry';
import type { OrderCategory } from '@recourse/contracts/streams';
import { commandId, timerId } from '@recourse/infra/event-id';
import { type SagaEvent, undoAsksFlagged, withFlag } from './chart-parts.ts';
import { dataOf } from './command-data.ts';
import { machines, type SagaVersion, sagaVersions } from './machines.ts';
import { transition } from './transition.ts';

/** What the saga knows of its order, from OrderCreated; the state does not repeat it. */
export type OrderFacts = EventData['OrderCreated'];

/** The data of a SagaAdvanced: one step, whole. */
export type Advance = EventData['SagaAdvanced'];

/** Where a saga stands, as SagaAdvanced keeps it. */
export type SagaState = Advance['state'];

/** An event on its way into the saga: from which of the order's streams, and where it stands there. */
export type SagaInput = {
  readonly id: EventId;
  readonly type: string;
  readonly category: Exclude<OrderCategory, 'saga'>;
  readonly revision: number;
  readonly data: unknown;
  /** For a timer or a retry: whether the intent of the outstanding command stands in the participant's stream. */
  readonly started?: boolean;
};

/**
 * How long to wait: the delays after which a command is asked again, one for each turn, and an order's deadline.
 * `foreign`: participants that are somebody else's program, which are waited for `foreignFactor` times as long.
 */
export type SagaTimes = {
  readonly askDelaysMs: readonly number[];
  readonly deadlineMs: number;
  readonly foreign?: ReadonlySet<Participant>;
};

/** What others answer goes two topics and a program of theirs further. */
const foreignFactor = 5;

/** A saga before its first step. */
export const accepted: SagaState = { value: 'accepted', status: 'active', context: { sequence: {} } };

/**
 * Hears one input: the whole of what follows from it, or `undefined` where it is not newer than what was heard from
 * its stream, or means nothing in this state of this version of the machine. Pure: the same state and input give the
 * same advance, ids included.
 */
export const step = (
  state: SagaState,
  input: SagaInput,
  facts: OrderFacts,
  times: SagaTimes,
  version: SagaVersion,
): Advance | undefined => {
  if (state.status === 'done' || input.revision <= (state.context.sequence[input.category as never] ?? -1))
    return undefined;
  const heard = input.type === 'TimerFired' ? timerEvent(state.context, input) : toSagaEvent(input);
  if (heard === undefined) return undefined;
  if (isLate(input.data)) return advance(input, version, flaggedLate(state), [], { set: [], cancelled: [] });
  const next = transition(state, heard, version);
  if (next === undefined) return undefined;
  return settle(state, input, facts, times, version, next);
};

/** Gives what the chart named its ids and data: commands, the timers that ask again, the deadline. */
const settle = (
  before: SagaState,
  input: SagaInput,
  facts: OrderFacts,
  times: SagaTimes,
  version: SagaVersion,
  next: NonNullable<ReturnType<typeof transition>>,
): Advance => {
  const commands: Advance['commands'] = [];
  const set: TimerSet[] = [];
  const cancelled: TimerId[] = [];
  const context = { ...next.context };

  const waitForAnswer = (afterMs: number) => {
    if (context.askTimer !== undefined && !isTimerFired(input, context.askTimer))
      cancelled.push(context.askTimer);
    context.askTimer = timerId(input.id, 'ask');
    set.push({ id: context.askTimer, kind: 'ask', afterMs });
  };
  const issue = (type: CommandName, issuedBefore?: CommandId): CommandId => {
    const data = dataOf(type, facts, context);
    const id = issuedBefore ?? commandId(input.id, commands.length, type, data);
    const schema = registered(type).version;
    commands.push({ id, type, ...(schema > 1 ? { version: schema } : {}), data });
    return id;
  };
  const turn = (asks: number) => {
    const isForeign = times.foreign?.has(addressee[context.outstanding!.type]) === true;
    return delayOf(asks, times.askDelaysMs) * (isForeign ? foreignFactor : 1);
  };

  for (const action of next.actions) {
    switch (action.type) {
      case 'ask':
        context.outstanding = {
          commandId: issue(action.params.command),
          type: action.params.command,
          asks: 0,
        };
        waitForAnswer(turn(0));
        break;
      case 'askAgain':
        issue(context.outstanding!.type, context.outstanding!.commandId);
        waitForAnswer(
          turn(action.params.wait === 'longest' ? Number.POSITIVE_INFINITY : context.outstanding!.asks),
        );
        break;
      case 'waitLonger':
        waitForAnswer(turn(Number.POSITIVE_INFINITY));
        break;
    }
  }
  if (before.value === 'accepted') {
    context.deadlineTimer = timerId(input.id, 'deadline');
    set.push({ id: context.deadlineTimer, kind: 'deadline', afterMs: times.deadlineMs });
  }
  if (next.status === 'done') {
    for (const timer of [context.askTimer, context.deadlineTimer])
      if (timer !== undefined) cancelled.push(timer);
    delete context.askTimer;
    delete context.deadlineTimer;
    delete context.outstanding;
  } else if (isTimerFired(input, context.deadlineTimer)) {
    delete context.deadlineTimer;
  }
  return advance(input, version, { value: next.value, status: next.status, context }, commands, {
    set,
    cancelled,
  });
};

/** Once a person has been called, the waits grow: what nobody answers for days is not asked every 20 seconds. */
const longestTimesMax = 30;

/** The wait before the next ask, after so many that counted; for ever so many: the longest. */
const delayOf = (asks: number, delaysMs: readonly number[]): number => {
  const longest = delaysMs.at(-1)!;
  if (asks <= undoAsksFlagged || asks === Number.POSITIVE_INFINITY) return delaysMs[asks] ?? longest;
  return longest * Math.min(2 ** (asks - undoAsksFlagged), longestTimesMax);
};

/** A step as it is stored: the input, where it led, and what follows from it. */
export const advance = (
  input: SagaInput,
  version: SagaVersion,
  state: SagaState,
  commands: Advance['commands'],
  timers: Advance['timers'],
): Advance => ({
  input: {
    id: input.id,
    type: input.type,
    category: input.category,
    revision: input.revision,
    ...(input.started === undefined ? {} : { started: input.started }),
  },
  machine: { name: 'order-saga', version },
  state: { ...state, context: heardUpTo(state.context, input) },
  commands,
  timers,
});

/** The context with the input's revision as the last one heard of its stream, and nothing undefined in it. */
const heardUpTo = (context: SagaContext, input: SagaInput): SagaContext => {
  const clean: SagaContext = {
    ...context,
    sequence: { ...context.sequence, [input.category]: input.revision },
  };
  for (const key of Object.keys(clean) as (keyof SagaContext)[])
    if (clean[key] === undefined) delete clean[key];
  return clean;
};

const isTimerFired = (input: SagaInput, timer: TimerId | undefined) =>
  input.type === 'TimerFired' && (input.data as EventData['TimerFired']).timerId === timer;

/** A timer is heard only while it is set: cancelling can lose the race against firing. */
const timerEvent = (context: SagaContext, input: SagaInput): SagaEvent | undefined => {
  if (isTimerFired(input, context.deadlineTimer)) return { type: 'DeadlinePassed' };
  if (!isTimerFired(input, context.askTimer)) return undefined;
  const { overdue } = input.data as EventData['TimerFired'];
  return { type: 'AskDue', started: input.started === true, overdue };
};

const heardTypes: ReadonlySet<string> = new Set(
  sagaVersions
    .flatMap((version): readonly string[] => machines[version].events)
    .filter((type) => type !== 'AskDue' && type !== 'DeadlinePassed'),
);

/** Whether the saga hears a type of event at all; intents and stock records pass it by. */
export const hears = (type: string): boolean => type === 'TimerFired' || heardTypes.has(type);

const toSagaEvent = (input: SagaInput): SagaEvent | undefined =>
  heardTypes.has(input.type) ? ({ type: input.type } as SagaEvent) : undefined;

const isLate = (data: unknown) => (data as { late?: true }).late === true;
const flaggedLate = (state: SagaState): SagaState => ({
  ...state,
  context: { ...state.context, flags: withFlag(state.context.flags, 'late-answer') },
});
