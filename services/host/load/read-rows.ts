import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { types } from 'node:util';
import { createGunzip } from 'node:zlib';
import { StartError } from '@recourse/infra/errors';
import { CsvError, type Info, parse } from 'csv-parse';

/** The columns that orders are made of; others may stand in the file. */
const columns = ['InvoiceNo', 'StockCode', 'Quantity', 'UnitPrice', 'CustomerID', 'Country'] as const;

/** The column of a row. */
export type Column = (typeof columns)[number];

/** A row as text: the line it begins on (the header is line 1), and its fields; `undefined` where their number is wrong. */
export type Row = { readonly line: number; readonly fields: Readonly<Record<Column, string>> | undefined };

/** The most rows that one file may have: they are held in memory, at some 100 bytes each, before any is sent. */
const rowsMax = 5_000_000;

const recordBytesMax = 1_048_576;

/**
 * Reads a shop's export, CSV as in RFC 4180 with a header, plain or gzip (told by its first bytes, not its name), row
 * by row. Resolves with the SHA-256 of the unpacked content: the same rows are the same file, packed or not. Throws
 * `StartError` where the file cannot be read, is cut off or corrupt, or lacks a column.
 */
export const readRows = async (path: string, onRow: (row: Row) => void): Promise<string> => {
  const hash = createHash('sha256');
  let lastByte: number | undefined;
  const watched = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk);
      lastByte = chunk.at(-1) ?? lastByte;
      done(null, chunk);
    },
  });
  const parser = parse({
    bom: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: recordBytesMax,
  });
  let rows = 0;
  const take = rowTaker(path, (row) => {
    rows += 1;
    if (rows > rowsMax) throw bad(path, `has more than ${rowsMax} rows: split it`);
    onRow(row);
  });
  const consume = async (records: AsyncIterable<Parsed>) => {
    for await (const parsed of records) take.record(parsed);
  };
  try {
    if (await isGzip(path)) await pipeline(createReadStream(path), createGunzip(), watched, parser, consume);
    else await pipeline(createReadStream(path), watched, parser, consume);
  } catch (error) {
    throw explained(path, error);
  }
  if (lastByte === undefined) throw bad(path, 'is empty');
  if (lastByte !== newline) {
    throw bad(path, 'is cut off: its last line has no end. If it is whole, add a line break at its end');
  }
  take.end();
  return hash.digest('hex');
};

type Parsed = { readonly record: string[]; readonly info: Info };

const newline = 0x0a;

/** Turns parsed records into rows: the first is the header, which says where each column stands. */
const rowTaker = (path: string, onRow: (row: Row) => void) => {
  let places: Record<Column, number> | undefined;
  let width = 0;
  /** The line after the last record, and the empty lines before it. */
  let next = 1;
  let empty = 0;
  return {
    record: ({ record, info }: Parsed) => {
      const line = next + info.empty_lines - empty;
      empty = info.empty_lines;
      next = info.lines + 1;
      if (places === undefined) {
        places = placesOf(path, record);
        width = record.length;
        return;
      }
      onRow({ line, fields: record.length === width ? pick(record, places) : undefined });
    },
    end: () => {
      if (places === undefined) throw bad(path, 'is empty');
    },
  };
};
const placesOf = (path: string, header: readonly string[]) => {
  const missing = columns.filter((column) => !header.includes(column));
  if (missing.length > 0) {
    const shown = header.slice(0, 12).map((name) => JSON.stringify(name.slice(0, 40)));
    throw bad(
      path,
      `lacks the column${missing.length > 1 ? 's' : ''} ${missing.join(', ')}; its first line has ${shown.join(', ')}`,
    );
  }
  return Object.fromEntries(columns.map((column) => [column, header.indexOf(column)])) as Record<
    Column,
    number
  >;
};

const pick = (record: readonly string[], places: Record<Column, number>) => ({
  InvoiceNo: record[places.InvoiceNo] ?? '',
  StockCode: record[places.StockCode] ?? '',
  Quantity: record[places.Quantity] ?? '',
  UnitPrice: record[places.UnitPrice] ?? '',
  CustomerID: record[places.CustomerID] ?? '',
  Country: record[places.Country] ?? '',
});

const isGzip = async (path: string): Promise<boolean> => {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
};

const bad = (path: string, what: string) => new StartError('bad-file', `${path} ${what}. Nothing was sent.`);

const explained = (path: string, error: unknown): unknown => {
  if (error instanceof StartError || !types.isNativeError(error)) return error;
  if (error instanceof CsvError) return bad(path, `is no sound CSV: ${error.message}`);
  switch ('code' in error ? error.code : undefined) {
    case 'ENOENT':
      return bad(path, 'does not exist');
    case 'EISDIR':
      return bad(path, 'is a folder');
    case 'EACCES':
    case 'EPERM':
      return bad(path, 'may not be read');
    case 'Z_BUF_ERROR':
      return bad(path, 'is cut off: the gzip has no end');
    case 'Z_DATA_ERROR':
      return bad(path, `is a corrupt gzip (${error.message})`);
    default:
      return error;
  }
};
