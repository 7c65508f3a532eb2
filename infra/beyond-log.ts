import { basename } from 'node:path';
import { StartError } from './errors.ts';

/** A file beside the log that speaks of a record which the log does not have. */
export type BeyondLog = {
  readonly path: string;
  /** What speaks of it: `the checkpoint of payment`. */
  readonly what: string;
  readonly position: number;
  /** The position of the log's last record. */
  readonly head: number;
  /** What follows where the file is deleted: completes "delete it: …". */
  readonly deletingIt: string;
};

/** The refusal to start on it: the log has lost its end, or the files are of different moments. */
export const beyondLog = ({ path, what, position, head, deletingIt }: BeyondLog): StartError =>
  new StartError(
    'checkpoint-beyond-log',
    `${path} is ahead of its log: ${what} is at record ${position}, and log.db ends at record ${head}. The log has ` +
      'lost its end, or the two are of different moments. Restore log.db and all files beside it from one backup. ' +
      `Or, if this log is the one to keep, delete ${basename(path)} with its -wal and -shm: ${deletingIt}.`,
  );
