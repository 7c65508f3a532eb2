import { StartError } from '@recourse/infra/errors';

/**
 * The stack cannot be started on this machine as it is. The message names all that is missing, and how to get it;
 * `parts` has the same, a line each.
 */
export class StackMissingError extends StartError {
  readonly parts: readonly string[];
  constructor(parts: readonly string[]) {
    super(
      'stack-missing',
      `The stack cannot be started here:\n${parts.map((part) => `  ${part}`).join('\n')}`,
    );
    this.parts = parts;
  }
}
