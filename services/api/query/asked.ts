import { RowsQuery } from '@recourse/contracts/http-rows';
import type { Projection, TableSpec, Value } from '@recourse/infra/project/projection';
import { z } from 'zod';
import { type FieldError, ProblemError } from '../problem.ts';
import { valid } from '../validate.ts';
import { placeOf } from './cursor.ts';
import { columnType, type Filter, orderedBy, type PageWish } from './page.ts';

/** The moment that rows are asked as of; a time in milliseconds since 1970, and as it was written. */
export type AsOf = { readonly position: number } | { readonly time: number; readonly text: string };

/** What a request asks for, checked against the tables of its projection. */
export type Asked = { readonly wish: PageWish; readonly asOf: AsOf | undefined };

/** Checks the query of a request. Throws `invalid-request` where it is not one that these tables can answer. */
export const askedOf = ({ name, tables }: Projection, query: unknown): Asked => {
  const { asOf: moment, table: asked, limit, cursor, ...columns } = valid(RowsQuery, query);
  const table = asked ?? Object.keys(tables)[0]!;
  if (!Object.hasOwn(tables, table))
    throw unknown('table', table, `${name} has the tables ${Object.keys(tables).join(', ')}`);
  const spec = tables[table]!;
  const filters = Object.entries(columns).map(([column, values]) => filterOf(table, spec, column, values));
  const asOf = moment === undefined ? undefined : asOfOf(moment);
  if (cursor === undefined) return { wish: { table, spec, filters, limit, after: null }, asOf };

  const place = placeOf(cursor, { projection: name, table, keys: orderedBy(spec).length });
  const wish = { table, spec, filters, limit, after: place.key };
  return { wish, asOf: sameMoment(asOf, place.at) };
};

const invalid = (path: string, message: string) =>
  new ProblemError('invalid-request', `${path}: ${message}`, {
    errors: [{ path, message }] satisfies FieldError[],
  });

const unknown = (path: string, value: string, what: string) =>
  invalid(path, `there is no ${path === 'table' ? 'table' : 'column'} ${JSON.stringify(value)}: ${what}`);

const filterOf = (table: string, spec: TableSpec, column: string, values: string | string[]): Filter => {
  const declared = Object.hasOwn(spec.columns, column) ? spec.columns[column] : undefined;
  if (declared === undefined)
    throw unknown(column, column, `${table} has the columns ${Object.keys(spec.columns).join(', ')}`);
  const type = columnType(declared);
  return { column, values: [values].flat().map((value) => stored(column, type, value)) };
};

const WholeNumber = z.coerce.number().int();
const Time = z.iso.datetime({ offset: true });
const Day = z.iso.date();

/** A value as the column stores it; an empty one stands for none. */
const stored = (column: string, type: ReturnType<typeof columnType>, text: string): Value => {
  if (text === '') return null;
  if (type === 'integer') {
    const number = WholeNumber.safeParse(text);
    if (number.success) return number.data;
    throw invalid(column, `must be a whole number, and is ${JSON.stringify(text)}`);
  }
  if (type === 'time') {
    if (Time.safeParse(text).success) return Date.parse(text);
    throw invalid(column, `must be a time as in RFC 3339, and is ${JSON.stringify(text)}`);
  }
  return text;
};

const asOfOf = (text: string): AsOf => {
  if (/^\d{1,16}$/.test(text)) return { position: Number(text) };
  // A date is its first moment, in UTC, as ECMAScript reads it.
  if (Time.safeParse(text).success || Day.safeParse(text).success) return { time: Date.parse(text), text };
  throw invalid(
    'asOf',
    `must be a position, a time such as 2026-01-31T12:00:00Z, or a date, and is ${JSON.stringify(text)}`,
  );
};

/**
 * The moment of the page before. A time may have become another position since, if records came in the same
 * millisecond; so what the first page has found stands.
 */
const sameMoment = (asOf: AsOf | undefined, at: number | null): AsOf | undefined => {
  const differs =
    at === null ? asOf !== undefined : asOf !== undefined && 'position' in asOf && asOf.position !== at;
  if (differs) throw invalid('asOf', 'must be that of the page which gave the cursor');
  return at === null ? undefined : { position: at };
};
