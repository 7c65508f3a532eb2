import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** Where each record lies in the file of a log: what SQLite's file format says (https://sqlite.org/fileformat2.html). */

/** The bytes of one record, by their places in the file. */
export type RecordBytes = { readonly position: number; readonly bytes: readonly number[] };

/** A number of 1 to 9 bytes, seven bits in each but the ninth. */
const varintAt = (file: Buffer, at: number): { readonly value: number; readonly end: number } => {
  let value = 0;
  for (let index = 0; ; index += 1) {
    const byte = file[at + index]!;
    if (index === 8) return { value: value * 256 + byte, end: at + 9 };
    value = value * 128 + (byte & 127);
    if (byte < 128) return { value, end: at + index + 1 };
  }
};

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

/** All records of a closed log, with every byte of each: its length, its position, its fields, and where they go on. */
export const recordBytes = (path: string): RecordBytes[] => {
  const db = new DatabaseSync(path, { readOnly: true });
  const { root } = db.prepare(`SELECT rootpage AS root FROM sqlite_schema WHERE name = 'records'`).get() as {
    root: number;
  };
  db.close();
  const file = readFileSync(path);
  const pageSize = file.readUInt16BE(16);
  const found: RecordBytes[] = [];

  const cellAt = (at: number): RecordBytes => {
    const length = varintAt(file, at);
    const position = varintAt(file, length.end);
    // What the header says of the column of positions is never looked at: the position is the row's number.
    const idle = varintAt(file, position.end).end;
    const localMax = pageSize - 35;
    if (length.value <= localMax)
      return {
        position: position.value,
        bytes: range(at, position.end + length.value).filter((byte) => byte !== idle),
      };
    const least = Math.floor(((pageSize - 12) * 32) / 255) - 23;
    const fitting = least + ((length.value - least) % (pageSize - 4));
    const local = fitting <= localMax ? fitting : least;
    const end = position.end + local + 4;
    const bytes = range(at, end).filter((byte) => byte !== idle);
    let rest = length.value - local;
    for (let page = file.readUInt32BE(end - 4); page !== 0; ) {
      const start = (page - 1) * pageSize;
      const here = Math.min(rest, pageSize - 4);
      bytes.push(...range(start, start + 4 + here));
      rest -= here;
      page = file.readUInt32BE(start);
    }
    return { position: position.value, bytes };
  };

  const walk = (page: number): void => {
    const start = (page - 1) * pageSize;
    const isLeaf = file[start] === 13;
    const cells = file.readUInt16BE(start + 3);
    const pointers = start + (isLeaf ? 8 : 12);
    for (let index = 0; index < cells; index += 1) {
      const at = start + file.readUInt16BE(pointers + 2 * index);
      if (isLeaf) found.push(cellAt(at));
      else walk(file.readUInt32BE(at));
    }
    if (!isLeaf) walk(file.readUInt32BE(start + 8));
  };
  walk(root);
  return found;
};
