import type { Because, CommandName } from '@recourse/contracts/commands';
import type { SagaContext, SagaFlag } from '@recourse/contracts/events';
import { assign, setup } from 'xstate';

/**
 * What the statecharts of an order are made of, whichever their version: what they hear, what they ask for, and how
 * they wait. Pure: no invoke, no after, no spawned actor; timers are inputs like any other.
 */

/** Asks again that count, before a step's outcome is taken as unknown: after 1, 2, 5, 10 and 20 s by default. */
export const asksMax = 5;

/** Asks again of an undo or of CompleteOrder after which a person is called. */
export const undoAsksFlagged = 8;

/** What the chart hears. `AskDue` and `DeadlinePassed` are timers that `step` has recognised as its own. */
export type SagaEvent =
  | { type: 'OrderCreated' }
  | { type: 'OrderCancellationRequested' }
  | { type: 'PaymentProcessed' }
  | { type: 'PaymentFailed' }
  | { type: 'PaymentAuthorized' }
  | { type: 'AuthorizationFailed' }
  | { type: 'PaymentCaptured' }
  | { type: 'PaymentVoided' }
  | { type: 'InventoryReserved' }
  | { type: 'InventoryFailed' }
  | { type: 'OrderShipped' }
  | { type: 'ShippingFailed' }
  | { type: 'OrderCompleted' }
  | { type: 'ShipmentCancelled' }
  | { type: 'ShipmentCancellationRefused' }
  | { type: 'InventoryReleased' }
  | { type: 'PaymentRefunded' }
  | { type: 'OrderCancelled' }
  /** `started`: the participant's intent stands in its stream. `overdue`: it was due while nobody was there. */
  | { type: 'AskDue'; started: boolean; overdue: boolean }
  | { type: 'DeadlinePassed' }
  | { type: 'RetryRequested' };

/** What the chart asks its shell to do; only type and params are ever read. */
export type SagaAction =
  | { type: 'ask'; params: { command: CommandName } }
  /** Ask again, and then wait as long as it is that ask's turn, or the longest interval. */
  | { type: 'askAgain'; params: { wait: 'turn' | 'longest' } }
  /** Do not ask: the command is still queued. Look again after the longest interval. */
  | { type: 'waitLonger' };

const ignore = () => {};

/** Types, actions and guards of every version. */
export const chart = setup({
  types: {} as { context: SagaContext; events: SagaEvent },
  actions: {
    ask: (_, _params: { command: CommandName }) => {},
    askAgain: (_, _params: { wait: 'turn' | 'longest' }) => {},
    waitLonger: ignore,
    because: assign((_, params: { reason: Because }) => ({ because: params.reason })),
    goForward: assign({ because: undefined }),
    noteCaptured: assign({ captured: true }),
    noteCancellation: assign({ cancelRequested: true }),
    count: assign(({ context }) => ({ outstanding: asked(context, (asks) => asks + 1) })),
    countFromNone: assign(({ context }) => ({ outstanding: asked(context, () => 0) })),
    queue: assign(({ context }) => ({
      outstanding: context.outstanding && { ...context.outstanding, queued: true as const },
    })),
    flag: assign(({ context }, params: { flag: SagaFlag }) => ({
      flags: withFlag(context.flags, params.flag),
    })),
  },
  guards: {
    overdue: ({ event }) => event.type === 'AskDue' && event.overdue,
    justQueued: ({ context, event }) =>
      event.type === 'AskDue' && !event.started && context.outstanding?.queued !== true,
    stillQueued: ({ event }) => event.type === 'AskDue' && !event.started,
    usedUp: ({ context }) => (context.outstanding?.asks ?? 0) >= asksMax,
    captured: ({ context }) => context.captured === true,
    askedOften: ({ context }) => (context.outstanding?.asks ?? 0) + 1 >= undoAsksFlagged,
  },
});

/** The outstanding command, asked so often; an ask that counts shows that it is queued no more. */
const asked = ({ outstanding }: SagaContext, asks: (before: number) => number) =>
  outstanding && { commandId: outstanding.commandId, type: outstanding.type, asks: asks(outstanding.asks) };

/** Flags with one more, each once. */
export const withFlag = (flags: readonly SagaFlag[] | undefined, flag: SagaFlag): SagaFlag[] =>
  flags?.includes(flag) ? [...flags] : [...(flags ?? []), flag];

/** Issues a command and waits for its answer. */
export const ask = (command: CommandName) => ({ type: 'ask', params: { command } }) as const;
/** Says why the order is taken back. */
export const because = (reason: Because) => ({ type: 'because', params: { reason } }) as const;
const askInTurn = { type: 'askAgain', params: { wait: 'turn' } } as const;
const askAtLongest = { type: 'askAgain', params: { wait: 'longest' } } as const;
const flagAskedOften = { type: 'flag', params: { flag: 'asked-often' } } as const;

/** A timer that asks: what was overdue or is still queued does not count. */
const askedUncounted = [
  { guard: 'overdue', actions: [askInTurn] },
  { guard: 'justQueued', actions: ['queue', 'waitLonger'] },
  { guard: 'stillQueued', actions: [askAtLongest] },
] as const;

/** What every open state hears the same way. */
export const always = {
  DeadlinePassed: { actions: { type: 'flag', params: { flag: 'deadline' } } },
  RetryRequested: { actions: ['countFromNone', askInTurn] },
} as const;

/** A step that is undone, as if it had happened, once the asks are used up. */
export const untilUsedUp = <Target extends string>(target: Target, reason: Because) =>
  [
    ...askedUncounted,
    { guard: 'usedUp', target, actions: [because(reason)] },
    { actions: ['count', askInTurn] },
  ] as const;

/** A step that is asked for ever. */
export const forEver = [
  ...askedUncounted,
  { guard: 'askedOften', actions: ['count', flagAskedOften, askInTurn] },
  { actions: ['count', askInTurn] },
] as const;

/** A customer's wish to cancel that starts the way back, or is only noted on it. */
export const cancelTo = <Target extends string>(target: Target) =>
  ({ target, actions: ['noteCancellation', because('customer-cancelled')] }) as const;
/** A wish to cancel that comes when the order is on its way back already, or past the pivot. */
export const cancelNoted = { actions: ['noteCancellation'] } as const;
