import { createRequire } from 'node:module';
import { systemClock } from '../system.ts';
import { encodeProduce, isPlain, type ProduceRequest } from './produce-request.ts';

/** The version of kafkajs that is mended here. Its parts are nobody's promise: another version is left as it is. */
const mended = '2.2.4';

const library = createRequire(import.meta.url);
const src = (path: string) => library.resolve(`kafkajs/src/${path}.js`);

type ProduceV3 = (request: ProduceRequest) => {
  readonly apiVersion: number;
  readonly encode: () => Promise<unknown>;
};

let done = false;

/**
 * Mends the client library where it costs too much, or does what it should not; once for a process, before a client is
 * made. What it sends and how it answers stays as it is: `library.test.ts` compares them.
 *
 * - A Produce request is written into one buffer. The library makes one of 512 bytes for each header, and copies each
 *   record five times: with the 13 headers of a message a fifth of a busy process's time.
 * - The queue of a connection asks for a timer in the past after each answer: Node takes it as 1 ms, and warns.
 */
export const mendLibrary = (): void => {
  if (done) return;
  done = true;
  const { version } = library('kafkajs/package.json') as { readonly version: string };
  if (version !== mended) return;
  const path = src('protocol/requests/produce/v3/request');
  const before = library(path) as ProduceV3;
  library.cache[path]!.exports = produceV3(before);
  const { prototype } = library(src('network/requestQueue/index')) as { readonly prototype: RequestQueue };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > systemClock.now()) schedule.call(this);
  };
};

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

type RequestQueue = {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  scheduleCheckPendingRequests(): void;
};
