/** Tables for eight bytes at once ("slicing-by-8", Kounavis and Berry 2005): `tables[k][b]` is the sum of `b` and k zeros. */
const tables = (() => {
  const made = Array.from({ length: 8 }, () => new Int32Array(256));
  for (let byte = 0; byte < 256; byte += 1) {
    let sum = byte;
    // The Castagnoli polynomial, its bits reversed (RFC 3720, 12.1).
    for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1;
    made[0]![byte] = sum;
  }
  for (let zeros = 1; zeros < 8; zeros += 1) {
    for (let byte = 0; byte < 256; byte += 1) {
      const before = made[zeros - 1]![byte]!;
      made[zeros]![byte] = made[0]![before & 0xff]! ^ (before >>> 8);
    }
  }
  return made;
})();
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** The CRC-32C of bytes `from` to `end`, as an unsigned number: what Kafka's record batches are checked with. */
export const crc32c = (bytes: Uint8Array, from: number, end: number): number => {
  let sum = -1;
  let at = from;
  for (const whole = end - 7; at < whole; at += 8) {
    sum ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    sum =
      t7[sum & 0xff]! ^
      t6[(sum >>> 8) & 0xff]! ^
      t5[(sum >>> 16) & 0xff]! ^
      t4[sum >>> 24]! ^
      t3[bytes[at + 4]!]! ^
      t2[bytes[at + 5]!]! ^
      t1[bytes[at + 6]!]! ^
      t0[bytes[at + 7]!]!;
  }
  for (; at < end; at += 1) sum = t0[(sum ^ bytes[at]!) & 0xff]! ^ (sum >>> 8);
  return ~sum >>> 0;
};
