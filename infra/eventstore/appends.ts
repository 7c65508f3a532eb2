import type { StreamName } from '@recourse/contracts/streams';
import { ConflictError, UnavailableError } from '../errors.ts';
import type { appendIntake } from '../log/intake.ts';
import { type Clock, sleep } from '../ports/clock.ts';
import type { Appended, NewEvent } from '../ports/event-log.ts';
import type { Connection } from './connection.ts';
import type { Found } from './found.ts';
import { damage, encode, type Outgoing } from './records.ts';
import { slots } from './slots.ts';

/** What appends may hold, and how many there may be. */
export type AppendLimits = {
  /** The most bytes of one append, as the server counts them: data, metadata, and each letter of a type twice. */
  readonly appendBytesMax: number;
  /** Appends that the server has at once, and their bytes. */
  readonly appendsInFlightMax: number;
  readonly appendBytesInFlightMax: number;
  /** Appends that are not answered yet, and their bytes, unless one alone is bigger; above it they are refused. */
  readonly appendsQueuedMax: number;
  readonly appendBytesQueuedMax: number;
  /** How often an append is made that the server says timed out. */
  readonly asksMax: number;
};

/** How long to wait before it is looked again whether what an append lost to is there to be read. */
const unsyncedMs = 10;
/** How long that may take. */
const unsyncedMsMax = 5_000;

/** What appends work with. */
export type AppendParts = {
  readonly connection: Connection;
  readonly intake: ReturnType<typeof appendIntake>;
  readonly clock: Clock;
  readonly limits: AppendLimits;
  readonly observeAppendMs: ((ms: number) => void) | undefined;
};

type Append = {
  readonly stream: StreamName;
  readonly expected: number;
  readonly ids: readonly string[];
  readonly outgoing: readonly Outgoing[];
};

/** Appends, each to its stream one after the other, of different streams many at once. */
export const appendQueue = ({ connection, intake, clock, limits, observeAppendMs }: AppendParts) => {
  const room = slots(limits.appendsInFlightMax, limits.appendBytesInFlightMax);
  /** By stream: what ends when the last append to it that was asked for is answered. */
  const lastOf = new Map<string, Promise<void>>();
  let queued = 0;
  let bytesQueued = 0;
  let closed = false;

  /** What stands right behind the place that was expected; waits until it can be read: then it is synced. */
  const behind = async ({ stream, expected, ids }: Append): Promise<readonly Found[]> => {
    for (let waitedMs = 0; ; waitedMs += unsyncedMs) {
      const found = await connection.readStream(stream, {
        from: expected + 1,
        backwards: false,
        max: ids.length,
      });
      if (found === 'tombstoned') throw damage(`${stream} was deleted for ever`);
      if (found !== 'none' && found.length > 0) return found;
      if (waitedMs >= unsyncedMsMax && found === 'none') throw damage(`${stream} was deleted`);
      if (waitedMs >= unsyncedMsMax)
        throw new UnavailableError(`EventStoreDB: what an append to ${stream} lost to cannot be read`);
      await sleep(clock, unsyncedMs);
    }
  };

  /** The place of a repeat; `undefined` where the stream holds other events there, or not all of them. */
  const original = async (append: Append): Promise<Appended | undefined> => {
    const found = await behind(append);
    const same = append.ids.every(
      (id, index) => found[index]?.id === id && found[index].revision === append.expected + 1 + index,
    );
    if (!same) return undefined;
    const { revision, position } = found.at(-1)!;
    return { revision, position };
  };

  const conflictOr = async (append: Append, actual: number): Promise<Appended> => {
    const repeat = actual > append.expected ? await original(append) : undefined;
    if (repeat !== undefined) return repeat;
    throw new ConflictError(append.stream, append.expected, actual);
  };

  const make = async (append: Append): Promise<Appended> => {
    const { stream, expected, ids, outgoing } = append;
    const events = outgoing.map(({ event }) => event);
    for (let asks = 1; ; asks += 1) {
      const outcome = await connection.append(stream, expected, events);
      if (outcome.kind === 'wrong-revision') return conflictOr(append, outcome.actual);
      if (outcome.kind === 'tombstoned') throw damage(`${stream} was deleted for ever`);
      if (outcome.kind === 'too-large')
        throw new RangeError(`${stream}: the server takes appends of at most ${outcome.bytesMax} bytes`);
      if (outcome.kind === 'timed-out') {
        if (asks < limits.asksMax) continue;
        throw new UnavailableError(`EventStoreDB: an append to ${stream} timed out ${asks} times`);
      }
      const { revision, position } = outcome;
      if (revision === expected + ids.length && position !== undefined) return { revision, position };
      const place = await original(append);
      if (place !== undefined) return place;
      throw damage(`${stream} goes on at revision ${revision}, not ${expected + ids.length}: it was deleted`);
    }
  };

  const inRoom = async (append: Append, bytes: number): Promise<Appended> => {
    await room.take(bytes);
    const startedAt = clock.monotonic();
    try {
      const appended = await make(append);
      observeAppendMs?.(clock.monotonic() - startedAt);
      return appended;
    } finally {
      room.give(bytes);
    }
  };

  const checked = (stream: StreamName, expected: number, events: readonly NewEvent[]) => {
    if (closed) throw new UnavailableError('the log is closed');
    intake.check(stream, expected, events);
    const outgoing = events.map((event, index) =>
      encode(event, { stream, revision: expected + 1 + index, version: intake.typeOf(event.type).version }),
    );
    const bytes = outgoing.reduce((sum, it) => sum + it.bytes, 0);
    if (bytes > limits.appendBytesMax)
      throw new RangeError(
        `${stream}: an append of ${events.length} events has ${bytes} bytes; EventStoreDB takes at most ${limits.appendBytesMax}`,
      );
    const full =
      queued >= limits.appendsQueuedMax || (queued > 0 && bytesQueued + bytes > limits.appendBytesQueuedMax);
    if (full)
      throw new UnavailableError(`EventStoreDB: ${queued} appends of ${bytesQueued} bytes wait already`);
    return { append: { stream, expected, ids: events.map(({ id }) => id), outgoing }, bytes };
  };

  return {
    append: async (stream: StreamName, expected: number, events: readonly NewEvent[]): Promise<Appended> => {
      const { append, bytes } = checked(stream, expected, events);
      queued += 1;
      bytesQueued += bytes;
      const before = lastOf.get(stream);
      const made = before === undefined ? inRoom(append, bytes) : before.then(() => inRoom(append, bytes));
      const over = made.then(
        () => {},
        () => {},
      );
      lastOf.set(stream, over);
      try {
        return await made;
      } finally {
        queued -= 1;
        bytesQueued -= bytes;
        if (lastOf.get(stream) === over) lastOf.delete(stream);
      }
    },
    /** Refuses whatever comes later; resolves when what is queued is answered. */
    close: async (): Promise<void> => {
      closed = true;
      await Promise.all(lastOf.values());
    },
  };
};
