import type { EventType } from '@recourse/contracts/events';
import type { RecordedEvent } from '../ports/event-log.ts';

/**
 * A projection: a pure fold of the log into rows. It declares its tables, its version and its fold, nothing else: a
 * fold gets rows and a record, and neither broker nor clock nor gateway. Who runs it keeps files and checkpoints.
 */

/** What a column holds. A column declared `json` holds any plain value. */
export type Value = string | number | null;

/** One table: its columns with their SQL types, and what a row is looked up by. */
export type TableSpec = {
  /**
   * Column → SQL declaration; one that begins with `json` is stored as JSON text, one that begins with `time` holds
   * milliseconds since 1970.
   */
  readonly columns: Readonly<Record<string, string>>;
  /** The columns that name a row. One of them, or a constraint, makes them unique. */
  readonly key: readonly string[];
  /** `true`: the key is the primary key and orders the rows on disk. */
  readonly clustered?: boolean;
  /**
   * A column and its value in rows that still change: only those are in the index by key, which so stays small and
   * in memory. An index by random ids over all rows costs more than everything else together.
   */
  readonly hot?: readonly [column: string, value: Value];
  /** What stands behind `create index … on <table>`: `(state)`, `(orderId) where endedAt is null`. */
  readonly indexes?: readonly string[];
};

/** A table that knows the type of its rows. */
export type Table<Row> = TableSpec & { readonly row?: Row };

type Columns<Row> = { readonly [K in keyof Row & string]: string };

/** Declares a table of such rows. */
export const table = <Row extends object>(
  spec: TableSpec & {
    readonly columns: Columns<Row>;
    readonly key: readonly (keyof Row & string)[];
    readonly hot?: readonly [column: keyof Row & string, value: Value];
  },
): Table<Row> => spec;

/** The rows of one table as a fold sees them: as the records so far have left them. */
export interface Rows<Row> {
  /** The row of a key (its columns' values in order), where it is hot. Never change it: put a new one. */
  get(...key: readonly Value[]): Row | undefined;
  /** The row of a key, hot or not. Slow where it is not, as it reads the whole table: for what hardly ever happens. */
  find(...key: readonly Value[]): Row | undefined;
  /** Takes the place of the row of the same key, or is its first. */
  put(row: Row): void;
}

type Tables = Readonly<Record<string, TableSpec>>;
type RowsOf<T extends Tables> = {
  readonly [K in keyof T]: T[K] extends Table<infer Row> ? Rows<Row> : never;
};

/** A record as a fold sees it: all but the ids of the record and of its cause, which no row needs. */
export type FoldedEvent<T extends EventType = EventType> = {
  [K in T]: Omit<RecordedEvent<K>, 'id' | 'causation'>;
}[T];

/** What a fold does for each type of event that it hears; other types pass it by. */
export type Fold<T extends Tables> = {
  readonly [E in EventType]?: (rows: RowsOf<T>, record: FoldedEvent<E>) => void;
};

/** A projection as who runs it knows it. */
export type Projection = {
  /** Names its files: letters and dashes. */
  readonly name: string;
  /** Counts the changes of its tables or its fold, from 1: a new one is folded anew from the first record. */
  readonly version: number;
  readonly tables: Tables;
  readonly fold: Readonly<
    Partial<Record<EventType, (rows: Readonly<Record<string, Rows<never>>>, record: FoldedEvent) => void>>
  >;
};

/** Declares a projection; the types of its tables reach its fold. */
export const projection = <const T extends Tables>(it: {
  readonly name: string;
  readonly version: number;
  readonly tables: T;
  readonly fold: Fold<T>;
}): Projection => it as unknown as Projection;
