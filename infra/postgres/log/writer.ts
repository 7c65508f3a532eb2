import type { StreamName } from '@recourse/contracts/streams';
import { ConflictError, UnavailableError } from '../../errors.ts';
import type { appendIntake } from '../../log/intake.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Appended, NewEvent } from '../../ports/event-log.ts';
import type { AppendAnswer, AppendCall } from './calls.ts';
import { timeLimit } from './time-limit.ts';

/** What a writer may hold and send. */
export type WriterLimits = {
  /** What may wait, those on their way included; what comes above it is refused. */
  readonly intakeEventsMax: number;
  readonly intakeBytesMax: number;
  /** What one call may hold, unless one append alone holds more. The rest goes into the next. */
  readonly callEventsMax: number;
  readonly callBytesMax: number;
  /** While so many are on their way, what comes waits, and joins. */
  readonly callsInFlightMax: number;
  /** How long an append may take from when it is asked for, those before it included. */
  readonly answerMsMax: number;
};

/** What a writer works with. */
export type WriterParts = {
  readonly call: (appends: readonly AppendCall[]) => Promise<readonly AppendAnswer[]>;
  readonly intake: ReturnType<typeof appendIntake>;
  readonly clock: Clock;
  readonly limits: WriterLimits;
  /** Called with each append that was stored now, in the order of positions within a call, before it resolves. */
  readonly onStored: (append: AppendCall, answer: AppendAnswer) => void;
  /** Called after those of each call that stored any, with the position of the last. */
  readonly onAnswered: (position: number) => void;
  /** Called where it is not known what has become of a call. */
  readonly onUnavailable: (error: UnavailableError) => void;
  /** How long a call took until its answer came, which is after the sync. */
  readonly observeAppendMs: ((ms: number) => void) | undefined;
};

type Pending = AppendCall & {
  /** Of its JSON, in UTF-16 units: near enough to bytes. */
  readonly bytes: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Sends appends to the database: all that wait, of different streams, in one call. Appends to one stream keep their
 * order: the next is sent when the one before it is answered.
 */
export const logWriter = (parts: WriterParts) => {
  const { call, intake, clock, limits, onStored } = parts;
  const limit = timeLimit<Pending>(clock, limits.answerMsMax);
  /** Those that may go: no other append to their streams is before them. */
  let ready: Pending[] = [];
  /** By stream that has an append ready or on its way: those behind it. */
  const behind = new Map<StreamName, Pending[]>();
  let eventsHeld = 0;
  let bytesHeld = 0;
  let inFlight = 0;
  let scheduled = false;
  let closed = false;
  let onIdle = () => {};

  const take = (): readonly Pending[] => {
    let [count, events, bytes] = [0, 0, 0];
    while (count < ready.length) {
      events += ready[count]!.events.length;
      bytes += ready[count]!.bytes;
      if (count > 0 && (events > limits.callEventsMax || bytes > limits.callBytesMax)) break;
      count += 1;
    }
    const taken = count === ready.length ? ready : ready.slice(0, count);
    ready = count === ready.length ? [] : ready.slice(count);
    return taken;
  };

  const letGo = (pending: Pending) => {
    const { stream, events, bytes } = pending;
    limit.end(pending);
    eventsHeld -= events.length;
    bytesHeld -= bytes;
    const next = behind.get(stream)!.shift();
    if (next === undefined) behind.delete(stream);
    else ready.push(next);
  };

  const answer = (pending: Pending, found: AppendAnswer) => {
    const { stream, expected, resolve, reject } = pending;
    const { head, position, time, stored } = found;
    if (stored) onStored(pending, found);
    if (position === 0) reject(new ConflictError(stream, expected, head));
    else resolve({ revision: head, position, time });
  };

  const send = async (appends: readonly Pending[]): Promise<void> => {
    const startedAt = clock.monotonic();
    try {
      const answers = await call(appends);
      parts.observeAppendMs?.(clock.monotonic() - startedAt);
      for (const [index, pending] of appends.entries()) answer(pending, answers[index]!);
      const last = answers.findLast(({ stored }) => stored);
      if (last !== undefined) parts.onAnswered(last.position);
    } catch (error) {
      if (error instanceof UnavailableError) parts.onUnavailable(error);
      // The server refuses what one of them holds: that must not be the others' fault.
      else if (appends.length > 1) {
        for (const pending of appends) await send([pending]);
        return;
      }
      for (const { reject } of appends) reject(error);
    }
  };

  const transact = async () => {
    const taken = take();
    const wanted = taken.filter(limit.waits);
    inFlight += 1;
    if (wanted.length > 0) await send(wanted);
    inFlight -= 1;
    for (const pending of taken) letGo(pending);
    if (behind.size === 0) onIdle();
    schedule();
  };

  const turn = () => {
    scheduled = false;
    while (ready.length > 0 && inFlight < limits.callsInFlightMax) void transact();
  };

  const schedule = () => {
    if (scheduled || ready.length === 0 || inFlight >= limits.callsInFlightMax) return;
    scheduled = true;
    setImmediate(turn);
  };

  const queue = (pending: Pending) => {
    limit.begin(pending);
    eventsHeld += pending.events.length;
    bytesHeld += pending.bytes;
    const waiting = behind.get(pending.stream);
    if (waiting !== undefined) waiting.push(pending);
    else {
      behind.set(pending.stream, []);
      ready.push(pending);
    }
    schedule();
  };

  return {
    append: (stream: StreamName, expected: number, events: readonly NewEvent[]): Promise<Appended> =>
      new Promise((resolve, reject) => {
        if (closed) throw new UnavailableError('the log is closed');
        const texts = intake.check(stream, expected, events);
        const bytes = texts.reduce((sum, text) => sum + text.length, 0);
        if (
          eventsHeld > 0 &&
          (eventsHeld + events.length > limits.intakeEventsMax || bytesHeld + bytes > limits.intakeBytesMax)
        )
          throw new UnavailableError('the log has more waiting than it can hold: try again later');
        queue({ stream, expected, events, texts, bytes, resolve, reject });
      }),
    /** Refuses whatever comes later; resolves when all that came before is answered. */
    close: async (): Promise<void> => {
      closed = true;
      if (behind.size > 0)
        await new Promise<void>((resolve) => {
          onIdle = resolve;
        });
      limit.close();
    },
  };
};
