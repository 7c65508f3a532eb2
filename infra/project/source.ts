import type { Place } from './file.ts';
import type { FoldedEvent } from './projection.ts';

/** Some records of the log, up to a place. */
export type Stretch = {
  /** Those whose types were wanted, in the order of positions. */
  readonly records: readonly FoldedEvent[];
  /** The place of the last record looked at, wanted or not. */
  readonly place: Place;
};

/** The log as replay sees it: it can be read, from the beginning on, and nothing else. */
export interface LogSource {
  /** The position of the last record, 0 when empty. */
  head(): number;
  /** The next records after a position, at most so many looked at; `undefined` where there are none. */
  read(after: number, max: number, wanted: ReadonlySet<string>): Stretch | undefined;
  /** The id of the record at a position, `undefined` where there is none. */
  idAt(position: number): string | undefined;
  /** The position of the last record whose time is not after this (milliseconds since 1970); 0 where there is none. */
  positionAt(timeMs: number): number;
  close(): void;
}
