import type { FoldingError } from '../ports/read-models.ts';
import type { FoldedEvent, Projection, Rows } from './projection.ts';

/** A record that could not be folded, and why. */
export type Unfolded = { readonly record: FoldedEvent; readonly thrown: unknown };

/** What an error says, whatever was thrown. */
export const textOf = (error: unknown): string => (error as Partial<Error> | null)?.message ?? String(error);

/** Folds the records after a position and before another, in order; returns the one at which the fold threw. */
export const foldRecords = (
  { fold }: Projection,
  tables: Readonly<Record<string, unknown>>,
  records: readonly FoldedEvent[],
  after: number,
  before: number = Number.POSITIVE_INFINITY,
): Unfolded | undefined => {
  const rows = tables as Readonly<Record<string, Rows<never>>>;
  for (const record of records) {
    if (record.position <= after) continue;
    if (record.position >= before) return undefined;
    try {
      fold[record.type]?.(rows, record);
    } catch (thrown) {
      return { record, thrown };
    }
  }
  return undefined;
};

/** Why a projection goes no further: what its fold threw, and at which record. */
export const errorOf = ({ record, thrown }: Unfolded): FoldingError => {
  const { position, stream, type } = record;
  return { message: textOf(thrown), position, stream, type };
};
