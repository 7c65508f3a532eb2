import { crc32c } from '@node-rs/crc32';

/** Text or bytes, or nothing. */
type Value = Buffer | string | null | undefined;

/** What the client library asks to be written as one request of the Produce API, version 3 to 7. */
export type ProduceRequest = {
  readonly acks: number;
  readonly timeout: number;
  readonly compression?: number;
  readonly transactionalId?: string | null | undefined;
  /** Digits, or an object that prints as such. */
  readonly producerId?: { toString(): string };
  readonly producerEpoch?: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly firstSequence?: number;
      readonly messages: readonly ProduceMessage[];
    }[];
  }[];
};

/** One message of a request. */
export type ProduceMessage = {
  readonly key?: Value;
  readonly value: Value;
  readonly timestamp?: string;
  readonly headers?: Readonly<Record<string, Value | readonly Value[]>> | undefined;
};

/** Whether `encodeProduce` writes such a request: no compression, no transaction, no message with a time of its own. */
export const isPlain = ({ compression, transactionalId, topicData }: ProduceRequest): boolean =>
  (compression ?? 0) === 0 &&
  transactionalId == null &&
  topicData.every(({ partitions }) =>
    partitions.every(({ messages }) => messages.every(({ timestamp }) => timestamp == null)),
  );

const magic = 2;
/** Bytes of a record batch before its records (https://kafka.apache.org/documentation/#recordbatch). */
const batchHeadBytes = 61;
const batchLengthAt = 8;
const batchCrcAt = 17;
const batchAttributesAt = 21;

/** About how much a message takes besides its value. */
const messageBytesUsual = 700;

/**
 * The body of a Produce request, byte for byte what the client library makes of it, in one buffer instead of one for each
 * header, record and level (https://kafka.apache.org/protocol.html#The_Messages_Produce). `nowMs`: the messages' time.
 */
export const encodeProduce = ({ topicData, ...request }: ProduceRequest, nowMs: number): Buffer => {
  const out = writerOf(sizeAbout(topicData));
  out.text16(null);
  out.int16(request.acks);
  out.int32(request.timeout);
  out.int32(topicData.length);
  const producerId = BigInt(request.producerId?.toString() ?? -1);
  for (const { topic, partitions } of topicData) {
    out.text16(topic);
    out.int32(partitions.length);
    for (const { partition, firstSequence, messages } of partitions) {
      out.int32(partition);
      const sizeAt = out.position();
      out.int32(0);
      writeBatch(out, messages, nowMs, {
        producerId,
        producerEpoch: request.producerEpoch ?? 0,
        firstSequence: firstSequence ?? 0,
      });
      out.setInt32(sizeAt, out.position() - sizeAt - 4);
    }
  }
  return out.written();
};

type Sender = {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
};

const writeBatch = (
  out: Writer,
  messages: readonly ProduceMessage[],
  nowMs: number,
  { producerId, producerEpoch, firstSequence }: Sender,
): void => {
  const begin = out.position();
  out.int64(0n);
  out.int32(0);
  out.int32(0);
  out.int8(magic);
  out.int32(0);
  out.int16(0);
  out.int32(messages.length - 1);
  out.int64(BigInt(nowMs));
  out.int64(BigInt(nowMs));
  out.int64(producerId);
  out.int16(producerEpoch);
  out.int32(firstSequence);
  out.int32(messages.length);
  for (let index = 0; index < messages.length; index += 1) writeRecord(out, messages[index]!, index);
  const end = out.position();
  out.setInt32(begin + batchLengthAt, end - begin - batchLengthAt - 4);
  out.setInt32(begin + batchCrcAt, out.crc32c(begin + batchAttributesAt, end) | 0);
};

const writeRecord = (out: Writer, { key, value, headers }: ProduceMessage, offsetDelta: number): void => {
  // Two bytes hold the length of nearly all: what is shorter or longer is moved.
  const begin = out.reserve(2);
  out.int8(0);
  out.varint(0);
  out.varint(offsetDelta);
  out.value(key);
  out.value(value);
  let count = 0;
  for (const name in headers) {
    const held = headers[name];
    count += Array.isArray(held) ? held.length : 1;
  }
  out.varint(count);
  for (const name in headers) {
    const held = headers[name] as Value | readonly Value[];
    if (Array.isArray(held)) for (const one of held) writeHeader(out, name, one);
    else writeHeader(out, name, held as Value);
  }
  out.lengthAt(begin, 2);
};

const writeHeader = (out: Writer, name: string, value: Value): void => {
  out.value(name);
  out.value(value);
};

const sizeAbout = (topicData: ProduceRequest['topicData']): number => {
  let bytes = 64;
  for (const { topic, partitions } of topicData) {
    bytes += topic.length + 6;
    for (const { messages } of partitions) {
      bytes += batchHeadBytes + 8;
      for (const { value } of messages) bytes += messageBytesUsual + (value?.length ?? 0);
    }
  }
  return bytes;
};

const sizeOfVarint = (value: number): number => {
  let size = 1;
  for (let left = zigzag(value); left > 0x7f; left >>>= 7) size += 1;
  return size;
};

const zigzag = (value: number): number => ((value << 1) ^ (value >> 31)) >>> 0;

/** Writes one thing after another, and grows. */
const writerOf = (size: number) => {
  let buffer = Buffer.allocUnsafe(size);
  let at = 0;

  const ensure = (bytes: number): void => {
    if (at + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, at + bytes));
    buffer.copy(larger, 0, 0, at);
    buffer = larger;
  };
  const putVarint = (value: number, position: number): number => {
    let left = zigzag(value);
    let end = position;
    while (left > 0x7f) {
      buffer[end] = (left & 0x7f) | 0x80;
      end += 1;
      left >>>= 7;
    }
    buffer[end] = left;
    return end + 1;
  };
  /** Writes how many bytes have been written since `reserve(reserved)`, where they were reserved. */
  const lengthAt = (begin: number, reserved: number): void => {
    const length = at - begin - reserved;
    const needed = sizeOfVarint(length);
    if (needed !== reserved) {
      ensure(needed);
      buffer.copyWithin(begin + needed, begin + reserved, at);
      at += needed - reserved;
    }
    putVarint(length, begin);
  };
  const reserve = (bytes: number): number => {
    ensure(bytes);
    at += bytes;
    return at - bytes;
  };

  return {
    position: () => at,
    written: () => buffer.subarray(0, at),
    crc32c: (from: number, end: number) => crc32c(buffer.subarray(from, end)),
    reserve,
    lengthAt,
    int8: (value: number): void => {
      ensure(1);
      at = buffer.writeInt8(value, at);
    },
    int16: (value: number): void => {
      ensure(2);
      at = buffer.writeInt16BE(value, at);
    },
    int32: (value: number): void => {
      ensure(4);
      at = buffer.writeInt32BE(value, at);
    },
    int64: (value: bigint): void => {
      ensure(8);
      at = buffer.writeBigInt64BE(value, at);
    },
    setInt32: (position: number, value: number): void => {
      buffer.writeInt32BE(value, position);
    },
    varint: (value: number): void => {
      ensure(5);
      at = putVarint(value, at);
    },
    /** Text with a length of two bytes before it; -1 for none. */
    text16: (text: string | null): void => {
      ensure(2 + (text?.length ?? 0) * 3);
      const bytes = text === null ? -1 : buffer.write(text, at + 2);
      buffer.writeInt16BE(bytes, at);
      at += 2 + Math.max(0, bytes);
    },
    /** Bytes, or text, with their length as a varint before them; -1 for none. */
    value: (value: Value): void => {
      if (value == null) {
        ensure(1);
        at = putVarint(-1, at);
        return;
      }
      const { length } = value;
      ensure(5 + length * 3);
      if (typeof value !== 'string') {
        at = putVarint(length, at);
        at += value.copy(buffer, at);
        return;
      }
      const reserved = sizeOfVarint(length);
      const begin = reserve(reserved);
      const bytes = buffer.write(value, at);
      at += bytes;
      if (bytes === length) putVarint(length, begin);
      else lengthAt(begin, reserved);
    },
  };
};

type Writer = ReturnType<typeof writerOf>;
