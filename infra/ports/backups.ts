import type { Readable } from 'node:stream';

/** A backup on its way: read `stream` to its end, or `end` it before. */
export type BackupUnderWay = {
  /** The tar file. */
  readonly stream: Readable;
  /** How many bytes of files it holds; the tar file is a little longer. */
  readonly bytes: number;
  /** Removes what was kept for it; the stream breaks off where it has not been read. */
  end(): Promise<void>;
};

/** Takes backups of everything that cannot be made anew, while it is in use. */
export interface Backups {
  /**
   * Takes one, of this moment: no file of it is of another. One at a time. Rejects with `BackupRunningError`, with
   * `NoSpaceError` before anything is written, and with `DamagedError` where the log is none. `signal` gives it up.
   */
  take(signal?: AbortSignal): Promise<BackupUnderWay>;
}
