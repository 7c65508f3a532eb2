import type { DomainEvent } from '@recourse/contracts/events';
import type { CommandId, OrderId } from '@recourse/contracts/ids';
import type { Logger } from 'pino';
import type { Decider, DeciderStore } from './decider.ts';
import { ConflictError } from './errors.ts';
import type { Clock } from './ports/clock.ts';

/** How long one attempt at an act outside may take; after it the outcome is unknown. */
export const callMsMax = 5_000;

/** More acts than any one command needs: a decider that goes on asking for calls is a bug. */
const actsMax = 8;

/** How often a settlement is decided anew after a conflict. */
const conflictsMax = 10;

/** An act outside that ended without an outcome: it may have happened or not. Only asking again can tell. */
class NoOutcomeError extends Error {
  override readonly name = 'NoOutcomeError';
}

/** Makes one bounded attempt: hands the port a signal that aborts when the time is over. */
export type Attempt = <T>(port: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** What `threeMoves` needs of a participant: `Act` is a call that is open, as its states tell. */
type ThreeMoves<State, Command, Event extends DomainEvent, Asked extends Command, Act> = {
  readonly store: DeciderStore<State, Command, Event>;
  /** Which call is open for this command in this state, if any. Pure. */
  pendingAct(state: State, asked: Asked): Act | undefined;
  /** Calls outside, each call through `attempt`, and says the outcome as a command to the decider. */
  perform(act: Act, orderId: OrderId, attempt: Attempt): Promise<Command>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Milliseconds for each call; `callMsMax` unless told. */
  readonly callMsMax?: number;
};

/**
 * The shell of a participant that acts outside, in three moves: append the intent; call, with the id of the command
 * as idempotency key; give the outcome to the decider and append what it makes of it. Again until nothing is open.
 *
 * A crash between two moves is healed by the same command delivered again: the intent stands, so the same call is
 * repeated under the same key. A conflict after a call (another process, or a person, was faster) loads again and
 * gives the decider the outcome again. An intent is synced before its call begins.
 *
 * Resolves with `answered` when nothing is left to do, or with `no-answer` when a call ended without an outcome: then
 * nothing is appended and the message counts as handled, because the saga's timer is the only one that asks again.
 * Rejects as the log does.
 *
 * Memory may be stale here without harm: what appends is fenced, a call that was made already has the same key, and
 * what appends nothing rests on facts that no later event takes back (the step has its outcome, or its tombstone).
 */
export const threeMoves =
  <
    State,
    Command,
    Event extends DomainEvent,
    Asked extends Command & { readonly id: CommandId; readonly type: string },
    Act,
  >(
    moves: ThreeMoves<State, Command, Event, Asked, Act>,
  ) =>
  async (orderId: OrderId, asked: Asked): Promise<'answered' | 'no-answer'> => {
    const { store, logger } = moves;
    const attempt = boundedAttempt(moves.clock, moves.callMsMax ?? callMsMax);
    for (let acts = 0; acts < actsMax; acts += 1) {
      const { state } = await store.handle(orderId, asked, asked.id);
      const act = moves.pendingAct(state, asked);
      if (act === undefined) return 'answered';
      let outcome: Command;
      try {
        outcome = await moves.perform(act, orderId, attempt);
      } catch (error) {
        if (!(error instanceof NoOutcomeError)) throw error;
        warn(logger, { orderId, command: asked.type, commandId: asked.id }, error.cause ?? error);
        return 'no-answer';
      }
      await store.handle(orderId, outcome, asked.id);
    }
    throw new Error(`${asked.type} ${asked.id}: still asks for calls after ${actsMax}`);
  };

/** Says why in one line: while a provider is down there is one for each ask. The error itself is for `debug`. */
const warn = (logger: Logger, call: Record<string, string>, error: unknown) => {
  const { message = String(error), code } = error as { message?: string; code?: unknown };
  logger.warn(
    { ...call, reason: message, ...(code !== undefined && { code }) },
    'no outcome: the call may have happened or not; it is repeated when the command is asked again',
  );
  logger.debug({ ...call, err: error }, 'the call that had no outcome');
};

const boundedAttempt =
  (clock: Clock, msMax: number): Attempt =>
  (port) =>
    new Promise((resolve, reject) => {
      const abort = new AbortController();
      const cancel = clock.after(msMax, () => {
        reject(new NoOutcomeError(`no answer within ${msMax} ms`));
        abort.abort();
      });
      const call = async () => port(abort.signal);
      call().then(
        (outcome) => {
          cancel();
          resolve(outcome);
        },
        (cause: unknown) => {
          cancel();
          reject(new NoOutcomeError('the call failed', { cause }));
        },
      );
    });

/**
 * Decides a person's settlement on the stream as it is now and appends it, for one cause. False where the decider
 * makes nothing of it: it does not fit, or no longer. That refusal is not fenced by an append, so the state is never
 * taken from memory.
 */
export const settle = async <State, Command, Event extends DomainEvent>(
  store: DeciderStore<State, Command, Event>,
  decider: Decider<State, Command, Event>,
  orderId: OrderId,
  command: Command,
  causation: string,
): Promise<boolean> => {
  for (let conflicts = 0; ; conflicts += 1) {
    store.forget(orderId);
    const loaded = await store.load(orderId);
    const events = decider.decide(command, loaded.state);
    if (events.length === 0) return false;
    try {
      await store.append(orderId, loaded, events, causation);
      return true;
    } catch (error) {
      if (!(error instanceof ConflictError) || conflicts >= conflictsMax) throw error;
    }
  }
};
