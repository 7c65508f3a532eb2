import { DamagedError, NoSpaceError, UnavailableError } from '@recourse/infra/errors';
import { RebuildingError } from '@recourse/infra/ports/read-models';
import { FoldError } from '@recourse/infra/project/replay';
import { ProblemError } from '../problem.ts';
import type { Failure } from './protocol.ts';

/** SQLite's results (https://sqlite.org/rescode.html) for a full disk, and for a file that is not what it was. */
const full = 13;
const damaged = new Set([11, 26]);

type SystemError = Error & { readonly code?: string; readonly errcode?: number };

/** An error as it crosses from a thread. */
export const failureOf = (error: unknown): Failure => {
  const { message = String(error), code, errcode = 0 } = error as Partial<SystemError>;
  if (error instanceof FoldError) return { code: 'fold-threw', message };
  if (error instanceof RebuildingError) return { code: 'rebuilding', message };
  if (code === 'ENOSPC' || (errcode & 0xff) === full) return { code: 'no-space', message };
  if (damaged.has(errcode & 0xff) || /the log is damaged/.test(message)) return { code: 'damaged', message };
  return { code: 'failed', message };
};

/** What the main thread throws for a thread's failure; `projection` is what was asked for. */
export const errorOf = ({ code, message }: Failure, projection: string): Error => {
  switch (code) {
    case 'no-space':
      return new NoSpaceError(`The past of ${projection} cannot be folded: the disk is full (${message}).`);
    case 'damaged':
      return new DamagedError(`${projection} cannot be folded from the log: ${message}`);
    case 'fold-threw':
      return new ProblemError('unavailable', `The past cannot be shown: ${message}`);
    case 'rebuilding':
      return new RebuildingError(projection);
    case 'failed':
      return new UnavailableError(message);
  }
};
