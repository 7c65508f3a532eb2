import { join } from 'node:path';
import type { Ledger, OrderList, OrderListQuery, SagaList, SagaListQuery } from '@recourse/contracts/http';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Pace, ProjectionStatus } from '@recourse/infra/ports/read-models';
import { startProjector } from '@recourse/infra/project/projector';
import { projectionReader } from '@recourse/infra/project/read';
import { answered } from '@recourse/infra/project/select';
import { systemClock } from '@recourse/infra/system';
import type { Logger } from 'pino';
import { oneAtATime } from './one-at-a-time.ts';
import { projections } from './projections/all.ts';
import type { BooksPaths } from './projections/ledger-compare.ts';
import type { ReadProjection } from './projections/open-sagas.ts';
import { countOrders, type OrderCounts } from './projections/orders-list.ts';
import type { StuckWhen } from './projections/sagas-list.ts';
import { listsOver, type StuckOptions } from './read-models-lists.ts';

/** Lists and the ledger: what is folded from the log beside the orders' way, and always a little behind it. */
export type ReadModels = {
  /** Rejects with a `ProblemError` on a bad cursor, with `UnavailableError` where the file cannot be read. */
  listOrders(query: OrderListQuery): Promise<OrderList>;
  /** As `listOrders`. `when` says what decides, besides the rows, which sagas are stuck; default: as opened. */
  listSagas(query: SagaListQuery, when?: StuckWhen): Promise<SagaList>;
  /**
   * The three comparisons, computed now, at the log's head. Calls at the same time share one. Rejects with
   * `UnavailableError` where a file that it needs cannot be written or read.
   */
  ledger(): Promise<Ledger>;
  /**
   * How many orders there are in each state, and the position of the log at which that holds. Cheap. Rejects with
   * `UnavailableError` where that cannot be read.
   */
  counts(): Promise<OrderCounts>;
  /** As `counts`, for who counts on from there: from nothing, at position 0, where it cannot be read. */
  countedFrom(): Promise<Pick<OrderCounts, 'position' | 'open'>>;
  /**
   * Reads any projection: all of it at one position. Rejects with `UnavailableError` where it cannot be read, or does
   * not have what is asked for yet.
   */
  readonly read: ReadProjection;
  /** By projection: the position that it shows. */
  positions(): Promise<Readonly<Record<string, number>>>;
  /** By projection: whether it goes on, and if not, at which record of the log it stopped and why; its rebuild. */
  status(): Promise<readonly ProjectionStatus[]>;
  /**
   * Asks for rebuilds; resolves once they are sure to happen. Rejects with a `RebuildRefusedError` where nothing was
   * changed, with `UnavailableError` where it is not known.
   */
  rebuild(names: readonly string[] | 'all', pace: Pace): Promise<void>;
  /** Resolves once every projection shows this position. Rejects where one has stopped before it. */
  waitFor(position: number): Promise<void>;
  close(): Promise<void>;
};

/** Read models that a thread of this process fills. */
export type EmbeddedReadModels = ReadModels & {
  /** Ends the thread at once, as a crash would; it is started again and goes on where it was. */
  crash(): Promise<void>;
};

/** How the read models are opened. */
export type ReadModelsOptions = {
  /** Holds `read-models/`, made where it does not exist. */
  readonly dataDir: string;
  /** The log's file, which the thread reads for itself. */
  readonly logPath: string;
  /** Where news of records comes from. */
  readonly log: Pick<EventLog, 'head' | 'follow'>;
  /** Default: the machine's own. */
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Default: `simulated/gateway.db` and `simulated/carrier.db` in `dataDir`. */
  readonly books?: BooksPaths;
} & StuckOptions;

/** Records in one notice of the log: only that there are some matters. */
const noticeRecordsMax = 2_000;

/**
 * Opens the read models: starts the thread that fills them and resolves once their files are there, however far
 * behind the log. Rejects where it cannot write them.
 */
export const openReadModels = async (options: ReadModelsOptions): Promise<EmbeddedReadModels> => {
  const { dataDir, logPath, log, clock = systemClock, logger } = options;
  const folder = join(dataDir, 'read-models');
  const books = options.books ?? {
    gateway: join(dataDir, 'simulated', 'gateway.db'),
    carrier: join(dataDir, 'simulated', 'carrier.db'),
  };
  const entry = new URL('./projections/worker.ts', import.meta.url);
  const setup = { logPath, folder, extra: books };
  const projector = await startProjector({ entry, setup, clock, logger });
  const news = log.follow(await log.head(), noticeRecordsMax, projector.wake);
  const readers = new Map(
    projections.map((it) => [it.name, projectionReader(folder, it, projector.generation)]),
  );
  const read: ReadProjection = async (name, reads) => {
    const reader = readers.get(name);
    if (reader === undefined) throw new Error(`there is no projection ${name}`);
    return reader.read((query) => answered(query, reads()));
  };
  let counted: { readonly changes: number; readonly counts: OrderCounts } | undefined;

  const ledger = oneAtATime(() => projector.ask('ledger') as Promise<Ledger>);

  const counts = async () => {
    const changes = projector.changes();
    if (counted?.changes !== changes) counted = { changes, counts: await countOrders(read) };
    return counted.counts;
  };

  return {
    ...listsOver({ ...options, read, counts, clock }),
    ledger,
    positions: async () =>
      Object.fromEntries(projector.status().map(({ name, position }) => [name, position])),
    status: async () => projector.status(),
    rebuild: projector.rebuild,
    waitFor: projector.waitFor,
    crash: projector.crash,
    close: async () => {
      await news.close();
      await projector.close();
      for (const reader of readers.values()) reader.close();
    },
  };
};
