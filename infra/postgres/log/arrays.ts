/**
 * Arrays as parameters of statements, in PostgreSQL's binary format (`array_recv` in its sources): nothing has to be quoted,
 * and the server has nothing to parse.
 */

/** The numbers of the types of elements (`select oid from pg_type`). */
const oids = { int4: 23, int8: 20, text: 25 } as const;

const headerBytes = 20;

const header = (array: Buffer, oid: number, count: number, nulls: boolean) => {
  array.writeInt32BE(1, 0);
  array.writeInt32BE(nulls ? 1 : 0, 4);
  array.writeInt32BE(oid, 8);
  array.writeInt32BE(count, 12);
  array.writeInt32BE(1, 16);
  return array;
};

/** `integer[]` of 1 or more 32-bit integers. */
export const int4Array = (values: readonly number[]): Buffer => {
  const array = header(Buffer.allocUnsafe(headerBytes + values.length * 8), oids.int4, values.length, false);
  let at = headerBytes;
  for (const value of values) {
    at = array.writeInt32BE(4, at);
    at = array.writeInt32BE(value, at);
  }
  return array;
};

/** `bigint[]` of 1 or more safe integers. */
export const int8Array = (values: readonly (number | null)[]): Buffer => {
  const nulls = values.reduce<number>((sum, value) => sum + (value === null ? 1 : 0), 0);
  const bytes = headerBytes + values.length * 12 - nulls * 8;
  const array = header(Buffer.allocUnsafe(bytes), oids.int8, values.length, nulls > 0);
  let at = headerBytes;
  for (const value of values) {
    at = array.writeInt32BE(value === null ? -1 : 8, at);
    if (value === null) continue;
    at = array.writeInt32BE(Math.floor(value / 2 ** 32), at);
    at = array.writeUInt32BE(value >>> 0, at);
  }
  return array;
};

/** `text[]` of 1 or more texts in UTF-8. */
export const textArray = (values: readonly (string | null)[]): Buffer => {
  const lengths = values.map((value) => (value === null ? -1 : Buffer.byteLength(value)));
  const bytes = lengths.reduce((sum, length) => sum + 4 + Math.max(0, length), headerBytes);
  const array = header(Buffer.allocUnsafe(bytes), oids.text, values.length, values.includes(null));
  let at = headerBytes;
  values.forEach((value, index) => {
    at = array.writeInt32BE(lengths[index]!, at);
    if (value !== null) at += array.write(value, at);
  });
  return array;
};
