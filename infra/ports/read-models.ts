import { UnavailableError } from '../errors.ts';

/** Read models as who serves or rebuilds them knows them. */

/** Why a projection, or its rebuild, does not go on; where the fold threw, the record's position, stream and type. */
export type FoldingError = {
  readonly message: string;
  readonly position?: number;
  readonly stream?: string;
  readonly type?: string;
};

/** How fast a rebuild goes: as fast as it can, so that orders hardly notice, or so many events a second. */
export type Pace = 'full' | 'default' | number;

/** How the fold that is to take a projection's place stands. */
export type RebuildStatus = {
  readonly version: number;
  /** Counts the folds of that version, from 0. */
  readonly build: number;
  /** The position of the last record that it has folded, and the log's head. */
  readonly position: number;
  readonly head: number;
  /** Over the last seconds; null before there is anything to say. */
  readonly eventsPerSecond: number | null;
  /** Null where it is not known, or where the log grows faster. */
  readonly secondsLeft: number | null;
  readonly pace: Pace;
  /** `waiting`: its file cannot be written, it tries again; `stopped`: its fold threw, and it was given up. */
  readonly state: 'running' | 'waiting' | 'stopped';
  readonly error: FoldingError | null;
};

/** How a projection stands. */
export type ProjectionStatus = {
  readonly name: string;
  /** The version whose rows are served; another than the code's while that is being folded. */
  readonly version: number;
  /** Which fold of that version, from 0. */
  readonly build: number;
  /** The position of the last record that its rows show. */
  readonly position: number;
  /**
   * `waiting`: its file cannot be written, it tries again; `stopped`: its fold threw, it does not go on; `outdated`: it
   * shows what another version has folded, until the rebuild has caught up.
   */
  readonly state: 'running' | 'waiting' | 'stopped' | 'outdated';
  readonly error: FoldingError | null;
  /** The rebuild that is asked for, or the last one where its fold threw. */
  readonly rebuild: RebuildStatus | null;
};

/** Why a rebuild is not begun; nothing was changed. */
export type Refusal = 'rebuild-running' | 'no-space' | 'unknown-projection';

/** A rebuild was refused before it began. */
export class RebuildRefusedError extends Error {
  override readonly name = 'RebuildRefusedError';
  readonly code: Refusal;
  constructor(code: Refusal, message: string) {
    super(message);
    this.code = code;
  }
}

/** What is asked for is not in the file that serves, which another version has folded, until the rebuild has caught up. */
export class RebuildingError extends UnavailableError {
  constructor(projection: string, cause?: unknown) {
    super(`The read model ${projection} is being rebuilt for a new version. Ask again later.`, { cause });
  }
}
