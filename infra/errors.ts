/** Errors that carry data and a verdict. Whatever else is thrown in a handler is the fault of its message. */

/** An append expected another revision than it found. Load again and decide again. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
  readonly code = 'conflict';
  readonly stream: string;
  readonly expected: number;
  readonly actual: number;
  constructor(stream: string, expected: number, actual: number) {
    super(`${stream}: expected revision ${expected}, found ${actual}`);
    this.stream = stream;
    this.expected = expected;
    this.actual = actual;
  }
}

/**
 * The log, a store or the broker cannot be reached, or cannot be trusted any more. It belongs to no message: the
 * group that meets it stops at its place and tries again without counting. The outcome of what was asked is unknown.
 */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
  readonly code = 'unavailable';
}

/** The event log is not what was written: what was asked needs something of it that cannot be read. */
export class DamagedError extends Error {
  override readonly name = 'DamagedError';
  readonly code = 'damaged';
}

/**
 * The event log has lost records that this process has seen: it is in a state of before. What the process holds of it in
 * memory is of a log that is no more.
 */
export class LostRecordsError extends Error {
  override readonly name = 'LostRecordsError';
  readonly code = 'lost-records';
}

/** The data folder is open for reading only: nothing was written. */
export class ReadOnlyError extends Error {
  override readonly name = 'ReadOnlyError';
  readonly code = 'read-only';
}

/** This message can never be handled as it is: it is a dead letter at once, without another try. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
  readonly code = 'permanent';
}

/** A record or message of a version that this build does not know: report not ready, leave the groups, exit. */
export class UnknownVersionError extends Error {
  override readonly name = 'UnknownVersionError';
  readonly code = 'unknown-version';
}

/** Something that starts cannot: the message says what happened, where, and what to do. Exit code 1. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The disk has no room for what is wanted: nothing of it was written. */
export class NoSpaceError extends StartError {
  constructor(message: string) {
    super('no-space', message);
  }
}

/** One backup at a time. */
export class BackupRunningError extends Error {
  override readonly name = 'BackupRunningError';
  readonly code = 'backup-running';
}
