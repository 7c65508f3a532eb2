import { createRequire } from 'node:module';
import { expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { produceV3 } from './library.ts';
import type { ProduceMessage, ProduceRequest } from './produce-request.ts';

/** The client library as it is. */
const library = createRequire(import.meta.url);
const original = library('kafkajs/src/protocol/requests/produce/v3/request.js') as Parameters<
  typeof produceV3
>[0];
const ours = produceV3(original);

const written = async (write: typeof original, request: ProduceRequest): Promise<Buffer> =>
  ((await write(request).encode()) as { readonly buffer: Buffer }).buffer;

/** Texts of every width, and lengths on both sides of where their varint grows. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(0, 1, 31, 32, 63, 64, 65, 8_191, 8_192, 30_000).map((length) => 'a'.repeat(length)),
  fc.constantFrom(21, 22, 32, 63, 64, 2_731, 4_096).map((length) => '✓é'.repeat(length)),
);
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
const value = fc.oneof(text, bytes);

const message: fc.Arbitrary<ProduceMessage> = fc.record(
  {
    key: fc.option(value),
    value: fc.option(value),
    headers: fc.dictionary(
      fc.string({ minLength: 1, maxLength: 80 }).filter((name) => name !== '__proto__'),
      fc.oneof(value, fc.array(value, { maxLength: 3 })),
      { maxKeys: 15 },
    ),
  },
  { requiredKeys: ['value'] },
);

const request: fc.Arbitrary<ProduceRequest> = fc.record({
  acks: fc.constantFrom(-1, 0, 1),
  timeout: fc.nat(100_000),
  producerId: fc.oneof(
    fc.bigInt(-1n, 2n ** 63n - 1n).map(String),
    fc.constant(-1).map((none) => none),
  ) as fc.Arbitrary<NonNullable<ProduceRequest['producerId']>>,
  producerEpoch: fc.nat(32_767),
  topicData: fc.array(
    fc.record({
      topic: fc.string({ minLength: 1, maxLength: 60 }),
      partitions: fc.array(
        fc.record({
          partition: fc.nat(100_000),
          firstSequence: fc.nat(2 ** 31 - 1),
          messages: fc.array(message, { minLength: 1, maxLength: 8 }),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

it('writes a request byte for byte as the client library does', async () => {
  const now = jest.spyOn(Date, 'now').mockReturnValue(1_795_302_709_151);
  try {
    await fc.assert(
      fc.asyncProperty(request, async (made) => {
        const expected = await written(original, made);
        expect(expected.equals(await written(ours, made))).toBe(true);
      }),
      { numRuns: 300 },
    );
  } finally {
    now.mockRestore();
  }
});

it('leaves to the library what it does not write', async () => {
  const withTime = (timestamp: string): ProduceRequest => ({
    acks: -1,
    timeout: 1,
    topicData: [
      { topic: 't', partitions: [{ partition: 0, messages: [{ value: 'v', timestamp, headers: {} }] }] },
    ],
  });
  expect(await written(ours, withTime('1000'))).toEqual(await written(original, withTime('1000')));
  expect(await written(ours, withTime('1000'))).not.toEqual(await written(ours, withTime('2000')));
});
