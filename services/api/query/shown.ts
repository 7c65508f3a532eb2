import { formatPosition, rfc3339 } from '@recourse/contracts/http';
import type { ProjectionRows } from '@recourse/contracts/http-rows';
import { formatPlace } from './cursor.ts';
import { columnType, type PageWish } from './page.ts';
import type { FoundPage } from './protocol.ts';

/** A page as it is answered; `at`: the position that it was asked as of, null where it is as it is now. */
export const shownRows = (
  projection: string,
  { table, spec }: PageWish,
  found: FoundPage,
  at: number | null,
): ProjectionRows => ({
  projection,
  version: found.version,
  table,
  asOf: {
    position: formatPosition(found.position),
    time: found.time === null ? null : rfc3339(found.time),
  },
  columns: Object.entries(spec.columns).map(([column, sql]) => ({ name: column, type: columnType(sql) })),
  rows: [...found.rows],
  nextCursor: found.next === null ? null : formatPlace({ projection, table, at, key: found.next }),
});
