import { isDeepStrictEqual } from 'node:util';
import type { Heard } from './history.ts';
import { knownVersion } from './machines.ts';
import { anyTimes, migrated, migrationRequested } from './migrate.ts';
import { type Advance, accepted, type OrderFacts, step } from './step.ts';

/** A step of a saga that is not what its machine makes of its input now. */
export type Difference = {
  /** Of the step in `saga-<id>`. */
  readonly revision: number;
  /** The state in which the input was heard, and that input. */
  readonly state: string;
  readonly heard: string;
  readonly what: 'version' | 'state' | 'commands' | 'timers';
  /** What the log holds, and what the machine gives; `null` where it does not hear that input at all. */
  readonly stored: unknown;
  readonly found: unknown;
};

/**
 * Re-runs a saga: each of its steps must be what its version of the machine makes of the state before and of the input.
 * Gives the first step that is not, `from` a revision on. How long timers take, and versions of commands, are
 * configuration: not compared. Throws `UnknownVersionError` on a version that this build does not know.
 */
export const rerun = (heard: readonly Heard[], facts: OrderFacts, from = 0): Difference | undefined => {
  for (const [revision, { input, advance: stored }] of heard.entries()) {
    if (revision < from) continue;
    const before = heard[revision - 1]?.advance;
    const state = before?.state ?? accepted;
    const found = again(heard, revision, facts);
    const told = { revision, state: state.value, heard: input.type };
    if (found === undefined) return { ...told, what: 'state', stored: stored.state, found: null };
    const differs = (what: Difference['what'], of: (advance: Advance) => unknown): Difference | undefined =>
      isDeepStrictEqual(of(stored), of(found))
        ? undefined
        : { ...told, what, stored: of(stored), found: of(found) };
    const difference =
      differs('version', ({ machine }) => machine.version) ??
      differs('state', (it) => it.state) ??
      differs('commands', (it) => it.commands.map(({ id, type, data }) => ({ id, type, data }))) ??
      differs('timers', ({ timers }) => ({
        set: timers.set.map(({ id, kind }) => ({ id, kind })),
        cancelled: timers.cancelled,
      }));
    if (difference !== undefined) return difference;
  }
  return undefined;
};

/** What the machine makes of one of the inputs now; the first step alone says which version it is. */
const again = (heard: readonly Heard[], revision: number, facts: OrderFacts): Advance | undefined => {
  const { input, advance: stored } = heard[revision]!;
  const before = heard[revision - 1]?.advance;
  if (input.type === migrationRequested) {
    const moved = migrated(heard.slice(0, revision), facts, input);
    return 'advance' in moved ? moved.advance : undefined;
  }
  const version = knownVersion((before ?? stored).machine.version);
  return step(before?.state ?? accepted, input, facts, anyTimes, version);
};
