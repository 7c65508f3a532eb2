import { type Problem, type ProblemCode, problemCodes } from '@recourse/contracts/http';
import {
  BackupRunningError,
  DamagedError,
  NoSpaceError,
  ReadOnlyError,
  UnavailableError,
  UnknownVersionError,
} from '@recourse/infra/errors';
import { RebuildingError } from '@recourse/infra/ports/read-models';

/** What is wrong with one field: `path` as a reader writes it, `lines[0].quantity`. */
export type FieldError = NonNullable<Problem['errors']>[number];

type Extra = {
  readonly errors?: readonly FieldError[];
  /** Seconds after which the same request may do better. */
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A refusal of the API, with a code that stays. Its detail is for the caller: it never says anything internal. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly extra: Extra;
  constructor(code: ProblemCode, detail: string, extra: Extra = {}) {
    super(detail);
    this.code = code;
    this.extra = extra;
  }
}

/** Seconds to wait before asking again, by code, where the problem does not say so itself. */
const retryAfterSeconds: Partial<Record<ProblemCode, number>> = {
  overloaded: 1,
  unavailable: 5,
  starting: 1,
  stopping: 5,
};

/** The most field errors one answer lists. */
const errorsMax = 100;

/** What an error means for the caller. Whatever is not known here is `internal`, and says no more than that. */
export const problemOf = (error: unknown): ProblemError => {
  if (error instanceof ProblemError) return error;
  if (error instanceof RebuildingError) return new ProblemError('unavailable', error.message);
  if (error instanceof UnavailableError) {
    return new ProblemError(
      'unavailable',
      'The event log, or a read model, cannot be reached now. Ask again later.',
    );
  }
  if (error instanceof UnknownVersionError) return new ProblemError('unavailable', error.message);
  if (error instanceof DamagedError) return new ProblemError('unavailable', error.message);
  if (error instanceof NoSpaceError) return new ProblemError('no-space', error.message);
  if (error instanceof BackupRunningError) return new ProblemError('backup-running', error.message);
  if (error instanceof ReadOnlyError) return new ProblemError('read-only', error.message);
  // The router's own refusal: an id in the path is not percent-encoded UTF-8.
  if (error instanceof URIError) return new ProblemError('invalid-id', 'The path cannot be decoded.');
  return new ProblemError('internal', 'The fault is on this side, and has been logged.');
};

/** The answer to a problem: status, headers and the body of RFC 9457. */
export const problemAnswer = (problem: ProblemError, instance: string) => {
  const { status, title } = problemCodes[problem.code];
  const retryAfter = problem.extra.retryAfterSeconds ?? retryAfterSeconds[problem.code];
  const body: Problem = {
    type: `urn:recourse:problem:${problem.code}`,
    title,
    status,
    detail: problem.message,
    code: problem.code,
    instance,
    ...(problem.extra.errors && { errors: problem.extra.errors.slice(0, errorsMax) }),
  };
  const headers: Record<string, string> = {
    ...problem.extra.headers,
    ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
  };
  return { status, headers, body };
};

/** A 404: `what` names what was looked for. */
export const notFound = (what: string) => new ProblemError('not-found', `${what} does not exist.`);
