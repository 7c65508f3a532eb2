import type { Value } from '@recourse/infra/project/projection';
import { z } from 'zod';
import { ProblemError } from '../problem.ts';

/** Where a page of rows ended, and of what: a cursor fits its own table, and its own moment. */
export type Place = {
  readonly projection: string;
  readonly table: string;
  /** The position that the rows are as of; null where they are as they are now. */
  readonly at: number | null;
  /** What the last row is ordered by. */
  readonly key: readonly Value[];
};

const Stored = z.tuple([
  z.string(),
  z.string(),
  z.int().min(0).nullable(),
  z.array(z.union([z.string(), z.number(), z.null()])).min(1),
]);

/** Writes a cursor: opaque to callers. */
export const formatPlace = ({ projection, table, at, key }: Place): string =>
  Buffer.from(JSON.stringify([projection, table, at, key])).toString('base64url');

const read = (cursor: string): Place | undefined => {
  try {
    const stored = Stored.safeParse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    if (!stored.success) return undefined;
    const [projection, table, at, key] = stored.data;
    return { projection, table, at, key };
  } catch {
    return undefined;
  }
};

/** Reads a cursor. Throws a `ProblemError` where it is none, or one of other rows. */
export const placeOf = (
  cursor: string,
  wanted: { readonly projection: string; readonly table: string; readonly keys: number },
): Place => {
  const place = read(cursor);
  if (
    place !== undefined &&
    place.projection === wanted.projection &&
    place.table === wanted.table &&
    place.key.length === wanted.keys
  )
    return place;
  throw new ProblemError('invalid-request', 'The cursor is not one that these rows have given.', {
    errors: [{ path: 'cursor', message: 'must be the nextCursor of the page before' }],
  });
};
