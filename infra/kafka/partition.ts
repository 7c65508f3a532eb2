/**
 * In which partition a key is: the hash of Kafka's own clients and of `Partitioners.DefaultPartitioner` (murmur2 of the
 * key's bytes), so that everybody who publishes by key agrees.
 */
export const partitionOf = (key: string, partitions: number): number => hashOf(key) % partitions;

/** The hash of a key behind `partitionOf`: 31 bits. */
export const hashOf = (key: string): number => murmur2(Buffer.from(key)) & 0x7fffffff;

const seed = 0x9747b28c;
const m = 0x5bd1e995;
const r = 24;

/** Kafka's murmur2, 32 bits, signed (org.apache.kafka.common.utils.Utils.murmur2). */
const murmur2 = (data: Uint8Array): number => {
  const { length } = data;
  const whole = length - (length % 4);
  let h = seed ^ length;
  for (let i = 0; i < whole; i += 4) {
    const word = data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    let k = Math.imul(word, m);
    k = Math.imul(k ^ (k >>> r), m);
    h = Math.imul(h, m) ^ k;
  }
  if (length > whole) {
    for (let i = length - 1; i >= whole; i -= 1) h ^= data[i]! << (8 * (i - whole));
    h = Math.imul(h, m);
  }
  h = Math.imul(h ^ (h >>> 13), m);
  return h ^ (h >>> 15);
};
