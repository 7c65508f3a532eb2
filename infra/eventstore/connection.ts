import type { EventData } from '@eventstore/db-client';
import type { Logger } from 'pino';
import { UnavailableError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import {
  type AppendOutcome,
  type Client,
  type Hearing,
  isDenied,
  type LogReading,
  makeClient,
  type Reading,
} from './client.ts';
import { clientSettings } from './url.ts';

/** The server refuses who we say we are, or what we may do: trying again helps nobody. */
export class RefusedError extends UnavailableError {}

/** How long things may take, and how many at once. */
export type ConnectionLimits = {
  /** How long one append or one read may take. */
  readonly callMsMax: number;
  /** How many errors in a row, of appends or of reads, make it build a new client. */
  readonly errorsInRowMax: number;
  /** How often it asks, while it has no answer, whether there is one again. */
  readonly probeEveryMs: number;
};

const limitsByDefault: ConnectionLimits = { callMsMax: 5_000, errorsInRowMax: 3, probeEveryMs: 1_000 };

/** How long giving up a client may take. */
const disposeMsMax = 1_000;

/** How a server is reached. */
export type ConnectionOptions = {
  /** A connection string; secret. */
  readonly url: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<ConnectionLimits> | undefined;
};

/**
 * Appends all go through one call, which can be dead while reads, each a call of its own, are answered: so what is
 * counted of one says nothing of the other.
 */
type Way = 'append' | 'read';

type Generation = { readonly client: Client; readonly over: AbortController };

/**
 * A client, and what it takes to rely on it: every call has a time limit of our own (on a new
 * connection to a server that hangs the client has none at all), and a client that fails again and again is thrown away
 * for a new one. Rejects with `UnavailableError` where nothing is known of the outcome, `RefusedError` where access is denied.
 */
export const connect = ({ url, clock, logger, limits }: ConnectionOptions) => {
  const { callMsMax, errorsInRowMax, probeEveryMs } = { ...limitsByDefault, ...limits };
  const settings = clientSettings(url);
  if (settings.ignored.length > 0)
    logger.warn(
      { options: settings.ignored },
      'EVENTSTORE_URL has options that are not known: they do nothing',
    );
  const generation = (): Generation => ({ client: makeClient(settings), over: new AbortController() });
  let current = generation();
  let replacing: Promise<void> | undefined;
  let closed = false;
  const errorsInRow = { append: 0, read: 0 };
  /** When the last error was met: a call that was under way by then tells nothing new. */
  const lastErrorAt = { append: Number.NEGATIVE_INFINITY, read: Number.NEGATIVE_INFINITY };
  let problem: string | undefined;
  let cancelProbe = () => {};

  const disposeOf = async ({ client, over }: Generation) => {
    over.abort(new UnavailableError('EventStoreDB: the connection was given up'));
    const patience = Promise.withResolvers<void>();
    const cancel = clock.after(disposeMsMax, patience.resolve);
    await Promise.race([client.dispose().catch(() => {}), patience.promise]);
    cancel();
  };
  /** What the old client breaks off rejects appends of every client, so the new one is made when it is gone. */
  const replace = () => {
    replacing ??= (async () => {
      logger.info('a new client of EventStoreDB takes the place of one that failed again and again');
      await disposeOf(current);
      current = generation();
      replacing = undefined;
    })();
  };
  const answered = (way: Way) => {
    errorsInRow[way] = 0;
    if (problem !== undefined && !closed) logger.info('EventStoreDB answers again');
    problem = undefined;
    cancelProbe();
  };
  const failed = (way: Way, reason: string, startedAt: number) => {
    if (closed) return;
    if (problem === undefined) logger.warn({ reason }, 'EventStoreDB does not answer');
    problem = `EventStoreDB does not answer: ${reason}`;
    cancelProbe();
    cancelProbe = clock.after(probeEveryMs, () => {
      ask('read', 'probe', (client, signal) => client.readAll({ backwards: true, max: 1 }, signal)).catch(
        () => {},
      );
    });
    if (startedAt < lastErrorAt[way]) return;
    lastErrorAt[way] = clock.monotonic();
    errorsInRow[way] += 1;
    if (errorsInRow[way] < errorsInRowMax) return;
    Object.assign(errorsInRow, { append: 0, read: 0 });
    replace();
  };

  const ask = async <T>(
    way: Way,
    what: string,
    call: (client: Client, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    while (replacing !== undefined) await replacing;
    if (closed) throw new UnavailableError('EventStoreDB: the log is closed');
    const { client, over } = current;
    const giveUp = new AbortController();
    const startedAt = clock.monotonic();
    const gaveUp = Promise.withResolvers<never>();
    const end = () => {
      giveUp.abort(over.signal.reason);
      gaveUp.reject(over.signal.reason);
    };
    const cancel = clock.after(callMsMax, () => {
      const late = new Error(`no answer in ${callMsMax} ms`);
      giveUp.abort(late);
      gaveUp.reject(late);
    });
    over.signal.addEventListener('abort', end);
    try {
      const answer = await Promise.race([call(client, giveUp.signal), gaveUp.promise]);
      answered(way);
      return answer;
    } catch (error) {
      throw asOurs(way, what, error, startedAt);
    } finally {
      cancel();
      over.signal.removeEventListener('abort', end);
    }
  };
  const asOurs = (way: Way, what: string, error: unknown, startedAt: number): Error => {
    const reason = reasonOf(error);
    failed(way, reason, startedAt);
    if (isDenied(error)) return new RefusedError(`EventStoreDB: ${what}: access denied`);
    return error instanceof UnavailableError
      ? error
      : new UnavailableError(`EventStoreDB: ${what}: ${reason}`);
  };

  return {
    /** One append. An append that was given up may still be stored. */
    append: (stream: string, expected: number, events: readonly EventData[]): Promise<AppendOutcome> =>
      ask('append', `append to ${stream}`, (client) => client.append(stream, expected, events, callMsMax)),
    readStream: (stream: string, reading: Reading) =>
      ask('read', `read ${stream}`, (client, signal) => client.readStream(stream, reading, signal)),
    readAll: (reading: LogReading) =>
      ask('read', 'read the log', (client, signal) => client.readAll(reading, signal)),

    /** Hears what comes after a position, until it breaks; it must begin in `callMsMax`. Returns how to end it. */
    subscribe: (after: number, hearing: Hearing): (() => void) => {
      const { client, over } = current;
      const startedAt = clock.monotonic();
      const end = () => {
        cancel();
        over.signal.removeEventListener('abort', giveUp);
        unsubscribe();
      };
      const broken = (error: Error) => {
        end();
        failed('read', reasonOf(error), startedAt);
        hearing.broken(error);
      };
      const giveUp = () => broken(new Error('the connection was given up'));
      const begun = () => {
        cancel();
        answered('read');
        hearing.begun();
      };
      const cancel = clock.after(callMsMax, () => broken(new Error(`no subscription in ${callMsMax} ms`)));
      over.signal.addEventListener('abort', giveUp);
      const unsubscribe = client.subscribe(after, { ...hearing, begun, broken });
      return end;
    },

    /** Resolves when no client is being replaced. */
    settled: async (): Promise<void> => {
      while (replacing !== undefined) await replacing;
    },
    /** Why it has no answer now. */
    problem: (): string | undefined => problem,
    /** Rejects whatever is under way. */
    close: async (): Promise<void> => {
      closed = true;
      cancelProbe();
      await replacing;
      await disposeOf(current);
    },
  };
};

/** What an error says; the client's own hold no connection string. */
const reasonOf = (error: unknown): string => {
  const { message, details, type } = error as { message?: string; details?: string; type?: string };
  return details || message || type || String(error);
};

/** A connection, as `connect` makes it. */
export type Connection = ReturnType<typeof connect>;
