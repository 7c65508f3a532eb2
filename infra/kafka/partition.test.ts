import { expect, it } from '@jest/globals';
import { Partitioners } from 'kafkajs';
import { hashOf, partitionOf } from './partition.ts';

it('agrees with the default partitioner of the client library, for keys of every length', () => {
  const theirs = Partitioners.DefaultPartitioner();
  const partitionMetadata = Array.from({ length: 997 }, (_, partitionId) => ({
    partitionErrorCode: 0,
    partitionId,
    leader: 1,
    replicas: [1],
    isr: [1],
  }));
  for (let n = 0; n < 400; n += 1) {
    const key = `${hashOf(String(n)).toString(16)}-Größe-${'x'.repeat(n % 37)}`.slice(n % 11);
    const value = '';
    expect(partitionOf(key, 997)).toBe(theirs({ topic: 't', partitionMetadata, message: { key, value } }));
  }
});

it('spreads the ids of orders evenly', () => {
  const counts = new Array<number>(12).fill(0);
  for (let n = 0; n < 12_000; n += 1) {
    const id = `0190d3a0-${(n & 0xffff).toString(16).padStart(4, '0')}-7000-8000-${(n * 7919).toString(16).padStart(12, '0')}`;
    counts[partitionOf(id, 12)]! += 1;
  }
  for (const count of counts) {
    expect(count).toBeGreaterThan(850);
    expect(count).toBeLessThan(1_150);
  }
});
