import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import { expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { mendLibrary, produceV3, recordV0 } from './library.ts';
import type { ProduceMessage, ProduceRequest } from './produce-request.ts';
import { type BatchContext, decodeRecord, type LibraryDecoder } from './record-decoder.ts';

/** The client library as it is. */
const library = createRequire(import.meta.url);
const original = library('kafkajs/src/protocol/requests/produce/v3/request.js') as Parameters<
  typeof produceV3
>[0];
const ours = produceV3(original);
const originalRecord = library('kafkajs/src/protocol/recordBatch/record/v0/decoder.js') as Parameters<
  typeof recordV0
>[0];
const encodeRecord = library('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (
  record: ProduceMessage & { timestampDelta: number; offsetDelta: number },
) => { readonly buffer: Buffer };
const Decoder = library('kafkajs/src/protocol/decoder.js') as new (
  bytes: Buffer,
) => LibraryDecoder & { readVarIntBytes(): Buffer };

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
      fc.string({ minLength: 1, maxLength: 80 }).filter((name) => !(name in Object.prototype)),
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

/** As the library hands them on, of a batch of one of these messages; and what is left to read. */
const records = async (reader: typeof originalRecord, batch: Buffer, context: BatchContext) => {
  const decoder = new Decoder(batch);
  const read: unknown[] = [];
  while (decoder.offset < batch.length) read.push(reader(new Decoder(decoder.readVarIntBytes()), context));
  return read;
};

const context = fc.record({
  firstOffset: fc.oneof(fc.nat(), fc.bigInt(0n, 2n ** 62n)).map(String),
  firstTimestamp: fc.oneof(fc.constant(1_795_302_709_151), fc.bigInt(0n, 2n ** 62n)).map(String),
  magicByte: fc.constant(2),
  isControlBatch: fc.boolean(),
  timestampType: fc.constantFrom(0, 1),
  maxTimestamp: fc.nat().map(String),
}) as fc.Arbitrary<BatchContext>;

it('reads a record as the client library does', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(message, fc.oneof(fc.nat(500), fc.integer()), fc.nat(2 ** 30)), { maxLength: 5 }),
      context,
      async (messages, known) => {
        const batch = Buffer.concat(
          messages.map(
            ([it, timestampDelta, offsetDelta]) =>
              encodeRecord({ ...it, timestampDelta, offsetDelta }).buffer,
          ),
        );
        const expected = await records(originalRecord, batch, known);
        expect(isDeepStrictEqual(await records(recordV0(originalRecord), batch, known), expected)).toBe(true);
      },
    ),
    { numRuns: 150 },
  );
});

it('leaves to the library, at once, bytes that are no record', () => {
  const known = { firstOffset: '0', firstTimestamp: '0', magicByte: 2, timestampType: 0 };
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (array) => {
      const decoder = { buffer: Buffer.from(array), offset: 0 };
      const read = decodeRecord(decoder, known);
      expect(decoder.offset).toBe(read === undefined ? 0 : array.length);
    }),
    { numRuns: 20_000 },
  );
});

it('does so for whoever makes a client', async () => {
  mendLibrary();
  const request = library('kafkajs/src/protocol/requests/produce/v7/request.js') as typeof original;
  const made = (await request({ acks: -1, timeout: 1, topicData: [] }).encode()) as {
    buf: Buffer;
    buffer: Buffer;
  };
  expect(made.buf).toBe(made.buffer);
  expect(library('kafkajs/src/protocol/recordBatch/record/v0/decoder.js')).not.toBe(originalRecord);
});
