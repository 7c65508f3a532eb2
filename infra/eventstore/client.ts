import {
  AccessDeniedError,
  type AllStreamSubscription,
  DeadlineExceededError,
  type EventData,
  EventStoreDBClient,
  excludeSystemEvents,
  MaxAppendSizeExceededError,
  NotLeaderError,
  StreamDeletedError,
  type StreamingRead,
  StreamNotFoundError,
  TimeoutError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { noStream } from '../ports/event-log.ts';
import { type Found, foundOf, safeNumber } from './found.ts';
import { soften } from './soften.ts';
import type { ClientSettings } from './url.ts';

/** What became of an append, as the server says it. `timed-out`: it does not know; the same append may be made again. */
export type AppendOutcome =
  | { readonly kind: 'stored'; readonly revision: number; readonly position: number | undefined }
  | { readonly kind: 'wrong-revision'; readonly actual: number }
  | { readonly kind: 'timed-out' }
  | { readonly kind: 'too-large'; readonly bytesMax: number }
  | { readonly kind: 'tombstoned' };

/** Events of a stream; `none`: there is no such stream (any more). */
export type StreamFound = readonly Found[] | 'none' | 'tombstoned';

/** How a stream is read: from a revision, inclusive; `max` at least 1. */
export type Reading = {
  readonly from?: number | undefined;
  readonly backwards: boolean;
  readonly max: number;
};

/** Where an event stands in the whole log: both its positions. */
export type LogPlace = Pick<Found, 'position' | 'prepare'>;

/** How the whole log is read: forwards with what stands at the place, backwards without; `max` at least 1. */
export type LogReading = {
  readonly from?: LogPlace | undefined;
  readonly backwards: boolean;
  readonly max: number;
};

/** What a subscription tells; `broken` comes once, and nothing after it. */
export type Hearing = {
  begun(): void;
  event(found: Found): void;
  broken(reason: Error): void;
};

/** One client of EventStoreDB, as we use it. What it rejects with is the client's own error. */
export type Client = {
  append(
    stream: string,
    expected: number,
    events: readonly EventData[],
    msMax: number,
  ): Promise<AppendOutcome>;
  readStream(stream: string, reading: Reading, signal: AbortSignal): Promise<StreamFound>;
  readAll(reading: LogReading, signal: AbortSignal): Promise<readonly Found[]>;
  /** Hears every event after a position that is not the system's own. The function that is returned ends it. */
  subscribe(after: number, hearing: Hearing): () => void;
  /** Cancels everything, and closes the connection. */
  dispose(): Promise<void>;
};

/** Whether the server, or who stands before it, refuses who we say we are. */
export const isDenied = (error: unknown): boolean =>
  error instanceof AccessDeniedError || [7, 16].includes((error as { code?: number }).code ?? 0);

const noMatter = () => {};

const outcomeOf = (error: unknown): AppendOutcome => {
  if (error instanceof WrongExpectedVersionError) {
    const { actualVersion: actual } = error;
    return {
      kind: 'wrong-revision',
      actual: typeof actual === 'bigint' ? safeNumber(actual, 'revision') : noStream,
    };
  }
  if (error instanceof MaxAppendSizeExceededError)
    return { kind: 'too-large', bytesMax: error.maxAppendSize };
  if (error instanceof StreamDeletedError) return { kind: 'tombstoned' };
  if (
    error instanceof TimeoutError ||
    error instanceof DeadlineExceededError ||
    error instanceof NotLeaderError
  )
    return { kind: 'timed-out' };
  throw error;
};

/** All that a read finds. Errors that come after its end are nobody's: it is listened to for ever. */
const collect = (read: StreamingRead<{ event?: Parameters<typeof foundOf>[0] }>, signal: AbortSignal) =>
  new Promise<Found[]>((resolve, reject) => {
    const found: Found[] = [];
    const end = () => {
      read.cancel().catch(noMatter);
      read.destroy();
    };
    read.on('error', reject);
    read.on('data', ({ event }) => {
      try {
        if (event !== undefined) found.push(foundOf(event));
      } catch (error) {
        reject(error);
        end();
      }
    });
    read.on('end', () => resolve(found));
    signal.addEventListener('abort', () => {
      reject(signal.reason);
      end();
    });
  });

const hear = (subscription: AllStreamSubscription, { begun, event, broken }: Hearing) => {
  let over = false;
  const end = () => {
    over = true;
    subscription.unsubscribe().catch(noMatter);
    subscription.destroy();
  };
  const breakWith = (error: Error) => {
    if (over) return;
    end();
    broken(error);
  };
  subscription.on('error', breakWith);
  subscription.on('end', () => breakWith(new Error('it ended')));
  subscription.on('confirmation', () => {
    if (!over) begun();
  });
  subscription.on('data', ({ event: heard }) => {
    if (over || heard === undefined) return;
    try {
      event(foundOf(heard));
    } catch (error) {
      breakWith(error as Error);
    }
  });
  return end;
};

/** Makes a client; it connects when it is first used. */
export const makeClient = ({ connection, channel, credentials }: ClientSettings): Client => {
  const client = new EventStoreDBClient(connection, channel, credentials);
  const channels = soften(client);
  const placeOf = ({ position, prepare }: LogPlace) => ({
    commit: BigInt(position),
    prepare: BigInt(prepare),
  });

  return {
    append: async (stream, expected, events, msMax) => {
      try {
        const { nextExpectedRevision, position } = await client.appendToStream(stream, [...events], {
          expectedRevision: expected === noStream ? 'no_stream' : BigInt(expected),
          deadline: msMax,
        });
        return {
          kind: 'stored',
          revision: safeNumber(nextExpectedRevision, 'revision'),
          position: position && safeNumber(position.commit, 'position'),
        };
      } catch (error) {
        return outcomeOf(error);
      }
    },
    readStream: async (stream, { from, backwards, max }, signal) => {
      const edge = backwards ? 'end' : 'start';
      const read = client.readStream(stream, {
        fromRevision: from === undefined ? edge : BigInt(from),
        direction: backwards ? 'backwards' : 'forwards',
        maxCount: max,
      });
      try {
        return await collect(read, signal);
      } catch (error) {
        if (error instanceof StreamNotFoundError) return 'none';
        if (error instanceof StreamDeletedError) return 'tombstoned';
        throw error;
      }
    },
    readAll: ({ from, backwards, max }, signal) => {
      const edge = backwards ? 'end' : 'start';
      const read = client.readAll({
        fromPosition: from === undefined ? edge : placeOf(from),
        direction: backwards ? 'backwards' : 'forwards',
        maxCount: max,
      });
      return collect(read, signal);
    },
    subscribe: (after, hearing) => {
      const fromPosition = after === 0 ? 'start' : placeOf({ position: after, prepare: after });
      return hear(client.subscribeToAll({ fromPosition, filter: excludeSystemEvents() }), hearing);
    },
    dispose: async () => {
      await client.dispose();
      for (const channel of channels) channel.close();
    },
  };
};
