/** Where the client library is in the bytes of a record. */
export type LibraryDecoder = { readonly buffer: Buffer; offset: number };

/** What the client library knows of a record from the batch that it is in; int64s as digits. */
export type BatchContext = {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly magicByte: number;
  readonly isControlBatch?: boolean;
  /** 1: the broker stamped the batch when it was appended. */
  readonly timestampType: number;
  readonly maxTimestamp?: string;
};

/** A record as the client library hands it on. */
export type LibraryRecord = {
  readonly magicByte: number;
  readonly attributes: number;
  readonly timestamp: string;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, HeaderValue | readonly HeaderValue[]>>;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
};

type HeaderValue = Buffer | null;

const logAppendTime = 1;

/**
 * A record of a batch, as the client library reads it, in one pass instead of an object more for each header
 * (https://kafka.apache.org/documentation/#record). Undefined where it is not as nearly all are: then the library has to
 * read it, and nothing has been read yet.
 */
export const decodeRecord = (decoder: LibraryDecoder, context: BatchContext): LibraryRecord | undefined => {
  const { buffer } = decoder;
  const { maxTimestamp } = context;
  let at = decoder.offset;
  /** An integer of 28 bits at most; NaN where it is larger. */
  const varint = (): number => {
    let sum = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = buffer[at]!;
      at += 1;
      sum |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (sum >>> 1) ^ -(sum & 1);
    }
    return Number.NaN;
  };
  /** Goes on behind so many bytes; nowhere, for good, where there cannot be so many. */
  const pass = (length: number): void => {
    at = length >= 0 ? at + length : Number.NaN;
  };
  const bytes = (): Buffer | null => {
    const length = varint();
    if (length === -1) return null;
    const from = at;
    pass(length);
    return buffer.subarray(from, at);
  };

  const attributes = buffer.readInt8(at);
  at += 1;
  const timestamp = Number(context.firstTimestamp) + varint();
  const offset = Number(context.firstOffset) + varint();
  if (!Number.isSafeInteger(timestamp) || !Number.isSafeInteger(offset)) return undefined;
  const key = bytes();
  const value = bytes();
  const headers: Record<string, HeaderValue | HeaderValue[]> = {};
  for (let left = varint(); left > 0; left -= 1) {
    // What was read wrong must end here: it may say that there are millions.
    if (!(at < buffer.length)) return undefined;
    const length = varint();
    const name = buffer.toString('utf8', at, at + length);
    pass(length);
    const held = headers[name];
    if (held === undefined) headers[name] = bytes();
    else if (name in Object.prototype) return undefined;
    else headers[name] = Array.isArray(held) ? [...held, bytes()] : [held, bytes()];
  }
  // A length that could not be read has spoilt the place.
  if (at !== buffer.length) return undefined;
  decoder.offset = at;
  return {
    magicByte: context.magicByte,
    attributes,
    timestamp:
      context.timestampType === logAppendTime && maxTimestamp !== undefined
        ? maxTimestamp
        : String(timestamp),
    offset: String(offset),
    key,
    value,
    headers,
    isControlRecord: context.isControlBatch === true,
    batchContext: context,
  };
};
