import { UnavailableError } from '../errors.ts';

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
