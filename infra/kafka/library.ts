import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { systemClock } from '../system.ts';
import { encodeProduce, isPlain, type ProduceRequest } from './produce-request.ts';
import {
  type BatchContext,
  decodeRecord,
  type LibraryDecoder,
  type LibraryRecord,
} from './record-decoder.ts';

/** The version of kafkajs that is mended here. Its parts are nobody's promise: another version is left as it is. */
const mended = '2.2.4';

const library = createRequire(import.meta.url);
const src = (path: string) => library.resolve(`kafkajs/src/${path}.js`);

type ProduceV3 = (request: ProduceRequest) => {
  readonly apiVersion: number;
  readonly encode: () => Promise<unknown>;
};

type RecordV0 = (decoder: LibraryDecoder, context: BatchContext) => LibraryRecord;

let done = false;

/**
 * Mends the client library where it costs too much, or does what it should not; once for a process, before a client is
 * made. What it sends and how it answers stays as it is: `library.test.ts` compares them.
 *
 * - A Produce request is written into one buffer. The library makes one of 512 bytes for each header, and copies each
 *   record five times: with the 13 headers of a message a fifth of a busy process's time.
 * - A fetched record is read in one pass. The library copies all headers before it for each header.
 * - The queue of a connection asks for a timer in the past after each answer: Node takes it as 1 ms, and warns.
 * - A connection that breaks in the middle of an answer is made anew, and reads what comes then as the rest of that answer:
 *   it misreads every answer after it, and stays. It begins with nothing.
 * - A consumer that is to join its group again, and cannot because the coordinator is just loading it, reads on as what
 *   it was before, and never says that it is in the group. It joins before it reads.
 */
export const mendLibrary = (): void => {
  if (done) return;
  done = true;
  const { version } = library('kafkajs/package.json') as { readonly version: string };
  if (version !== mended) return;
  replace('protocol/requests/produce/v3/request', produceV3);
  replace('protocol/recordBatch/record/v0/decoder', recordV0);
  beginEmpty(library(src('network/connection')) as { readonly prototype: Connection });
  joinBeforeReading(library(src('consumer/consumerGroup')) as { readonly prototype: ConsumerGroup });
  checkWhereSomethingWaits(
    library(src('network/requestQueue/index')) as { readonly prototype: RequestQueue },
  );
};

/** What the library takes from one of its modules, from now on: to be done before another of its modules has taken it. */
const replace = <T>(module: string, by: (before: T) => T): void => {
  const path = src(module);
  const before = library(path) as T;
  library.cache[path]!.exports = by(before);
};

const checkWhereSomethingWaits = ({ prototype }: { readonly prototype: RequestQueue }): void => {
  const { scheduleCheckPendingRequests } = prototype;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > systemClock.now())
      scheduleCheckPendingRequests.call(this);
  };
};

/** What a connection reads first: how long the answer is. */
const lengthBytes = 4;

const beginEmpty = ({ prototype }: { readonly prototype: Connection }): void => {
  const { connect } = prototype;
  prototype.connect = function (this: Connection) {
    if (!this.isConnected()) {
      // What still comes over the socket before was meant for requests that have been given up.
      this.socket?.removeAllListeners('data');
      this.chunks = [];
      this.bytesBuffered = 0;
      this.bytesNeeded = lengthBytes;
    }
    return connect.call(this);
  };
};

/** What a coordinator says to members that are to join again: REBALANCE_IN_PROGRESS. */
const joinAgain = 27;

const joinBeforeReading = ({ prototype }: { readonly prototype: ConsumerGroup }): void => {
  const { createErrorFromCode } = library(src('protocol/error')) as {
    readonly createErrorFromCode: (code: number) => Error;
  };
  const { joinAndSync, fetch } = prototype;
  const outside = new WeakSet<ConsumerGroup>();
  prototype.joinAndSync = async function (this: ConsumerGroup) {
    try {
      await joinAndSync.call(this);
      outside.delete(this);
    } catch (error) {
      outside.add(this);
      throw error;
    }
  };
  prototype.fetch = async function (this: ConsumerGroup, nodeId) {
    if (outside.has(this)) throw createErrorFromCode(joinAgain);
    return fetch.call(this, nodeId);
  };
};

/** The library's reader of records, with ours for those that it reads. */
export const recordV0 =
  (before: RecordV0): RecordV0 =>
  (decoder, context) =>
    decodeRecord(decoder, context) ?? before(decoder, context);

/** The library's writer of Produce requests, with ours for those that are plain. */
export const produceV3 =
  (before: ProduceV3): ProduceV3 =>
  (request) => {
    const made = before(request);
    if (!isPlain(request)) return made;
    return {
      ...made,
      encode: async () => {
        const buffer = encodeProduce(request, systemClock.now());
        return { buf: buffer, buffer };
      },
    };
  };

/** `socket`: the last one, until the next is made. */
type Connection = {
  readonly socket: Socket | undefined;
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect(): Promise<unknown>;
};

type ConsumerGroup = {
  joinAndSync(): Promise<void>;
  fetch(nodeId: number): Promise<unknown>;
};

type RequestQueue = {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  scheduleCheckPendingRequests(): void;
};
