import pg from 'pg';
import type { Logger } from 'pino';
import { UnavailableError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Subscription } from '../ports/event-log.ts';
import { postgresError } from './errors.ts';
import { listening } from './listen.ts';

/** How PostgreSQL is reached. */
export type PostgresSettings = {
  /** `postgres://user:password@host:port/database`, with `?sslmode=…` where wanted; of its `options` ours hold. Secret. */
  readonly url: string;
  /** Where all our tables are: a name of letters, digits and underscores. */
  readonly schema: string;
  /** The most connections of one pool. */
  readonly connectionsMax: number;
  /** What the server's own lists call us. */
  readonly applicationName: string;
};

/** Runs a statement with its parameters (`$1`, …). Its text must come from a small set: each is kept prepared. */
export type Sql = <Row = Record<string, unknown>>(
  text: string,
  values?: readonly unknown[],
) => Promise<readonly Row[]>;

/** A pool of connections, all of whose statements see our schema first. */
export type Postgres = {
  readonly schema: string;
  /**
   * One statement, committed and synced when it resolves. Rejects with `UnavailableError` where it is not known
   * whether it was carried out, else with what the server refused. Takes 10 s at most, waiting for a connection included.
   */
  readonly query: Sql;
  /**
   * All that `run` does in one transaction, committed when it resolves, rolled back where it rejects. As `query`; it has
   * begun within 10 s, and each statement of it takes 20 s at most.
   */
  transaction<T>(run: (query: Sql) => Promise<T>, isolation?: 'read committed' | 'snapshot'): Promise<T>;
  /**
   * Hears notices (`NOTIFY`) on a connection of its own, for ever. `undefined`: it has connected, now or again, and may
   * have missed some. Must not throw.
   */
  listen(channel: string, onNotice: (payload: string | undefined) => void): Subscription;
  /** Waits for what runs, then closes every connection. Statements after it reject with `UnavailableError`. */
  close(): Promise<void>;
};

/** What is asked for by itself, and the begin of a transaction: somebody may be waiting for the answer. */
const askedMsMax = 10_000;
/** Part of it: until there is a connection, a new one or one that others have given back. */
const connectMsMax = 5_000;
/** A transaction that has begun may look at all there is. */
const statementMsMax = 15_000;
/** The client gives up later than the server, so that the server's own verdict comes first where it can speak. */
const answerMsMax = 20_000;
const idleMsMax = 30_000;

/** Numbers come as numbers: positions, revisions and amounts stay below 2^53. JSON comes as text: who reads it parses. */
const asText = (text: string) => text;
const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') => {
    if (oid === pg.types.builtins.INT8 || oid === pg.types.builtins.NUMERIC) return Number;
    if (oid === pg.types.builtins.JSON || oid === pg.types.builtins.JSONB) return asText;
    return pg.types.getTypeParser(oid, format as 'text');
  },
};

/** What the URL asks for in `options` would take the place of ours, which must hold: it goes before them. */
const withOptions = (url: string, ours: string) => {
  const asked = URL.parse(url)?.searchParams.getAll('options') ?? [];
  if (asked.length === 0) return { connectionString: url, options: ours };
  return { connectionString: `${url}&options=${encodeURIComponent([...asked, ours].join(' '))}` };
};

/** What a connection is made with. `patient`: its statements may take as long as they like. */
export const clientConfig = (
  { url, schema, applicationName }: PostgresSettings,
  { patient = false } = {},
): pg.ClientConfig => ({
  ...withOptions(
    url,
    `-c search_path=${schema} -c synchronous_commit=on -c statement_timeout=${patient ? 0 : statementMsMax} ` +
      `-c idle_in_transaction_session_timeout=${statementMsMax}`,
  ),
  application_name: applicationName,
  ...(patient ? {} : { query_timeout: answerMsMax }),
  connectionTimeoutMillis: connectMsMax,
  keepAlive: true,
  types,
});

const begins = {
  'read committed': 'begin isolation level read committed',
  snapshot: 'begin isolation level repeatable read read only',
} as const;

/** A transaction in which a statement has failed is rolled back by its commit, and PostgreSQL calls that no error. */
const commit = async (client: pg.PoolClient): Promise<void> => {
  const { command } = await client.query('commit').catch((error: unknown) => {
    throw postgresError(error);
  });
  if (command !== 'COMMIT')
    throw new Error(
      'the transaction was rolled back: a statement of it had failed, and that was passed over',
    );
};

/** A connection that is lent: how long its first answer may take, and whether another may use it afterwards. */
type Lending = { readonly client: pg.PoolClient; readonly msLeft: number; sound: boolean };

/** Opens a pool; nothing is connected before the first statement, so it never fails. */
export const openPostgres = (
  settings: PostgresSettings,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Postgres => {
  const pool = new pg.Pool({
    ...clientConfig(settings),
    max: settings.connectionsMax,
    idleTimeoutMillis: idleMsMax,
  });
  // Told by the connection itself, below.
  pool.on('error', () => {});
  const names = new Map<string, string>();
  let closed = false;

  const nameOf = (text: string): string => {
    const known = names.get(text);
    if (known !== undefined) return known;
    const made = `s${names.size}`;
    names.set(text, made);
    return made;
  };

  // While it is lent, and between two statements, nobody else listens: a connection that breaks there, be it in the same
  // packet that says that it is ready, would end the process.
  pool.on('connect', (client) => {
    client.on('error', (error) => logger.debug({ err: error }, 'a connection to PostgreSQL broke'));
  });

  const asked = async <Row>(
    client: pg.PoolClient,
    text: string,
    values: readonly unknown[],
    msMax: number,
  ): Promise<readonly Row[]> => {
    if (closed) throw new UnavailableError('PostgreSQL: the pool is closed');
    const named = { name: nameOf(text), text, values: values as unknown[], query_timeout: msMax };
    try {
      return (await client.query(named)).rows;
    } catch (error) {
      throw postgresError(error);
    }
  };

  /** Lends a connection to `use`; one on which it has not had every answer is not used again. */
  const lent = async <T>(use: (lending: Lending) => Promise<T>): Promise<T> => {
    if (closed) throw new UnavailableError('PostgreSQL: the pool is closed');
    const until = clock.monotonic() + askedMsMax;
    const client = await pool.connect().catch((error: unknown) => {
      throw postgresError(error);
    });
    const lending = { client, msLeft: Math.max(1, until - clock.monotonic()), sound: true };
    try {
      return await use(lending);
    } catch (error) {
      if (error instanceof UnavailableError) lending.sound = false;
      throw error;
    } finally {
      client.release(!lending.sound);
    }
  };

  const query: Sql = (text, values = []) => lent(({ client, msLeft }) => asked(client, text, values, msLeft));

  const transaction: Postgres['transaction'] = (run, isolation = 'read committed') =>
    lent(async (lending) => {
      const { client, msLeft } = lending;
      await asked(client, begins[isolation], [], msLeft);
      try {
        const result = await run((text, values = []) => asked(client, text, values, answerMsMax));
        await commit(client);
        return result;
      } catch (error) {
        // Who does not answer is not asked for this, too: the server ends a transaction with its connection.
        if (!(error instanceof UnavailableError))
          lending.sound = await client.query('rollback').then(
            () => true,
            () => false,
          );
        throw error;
      }
    });

  return {
    schema: settings.schema,
    query,
    transaction,
    listen: (channel, onNotice) =>
      listening(() => new pg.Client(clientConfig(settings)), channel, onNotice, { clock, logger }),
    close: async () => {
      if (closed) return;
      closed = true;
      await pool.end();
    },
  };
};
