import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import { type ServerWritableStream, status } from '@grpc/grpc-js';
import {
  callError,
  checkpointMessage,
  confirmationMessage,
  eventMessage,
  nameOf,
  notFoundMessage,
} from './messages.ts';
import type { MemoryStore, StoredEvent } from './store.ts';

/** How a server reads, and how it tells those who have subscribed. */

type ReadCall = ServerWritableStream<ReadReq, ReadResp>;
type ReadOptions = ReadReq.Options;

/** One in so many events that a filter looks at, a subscription is told how far it has come. */
const checkpointEvery = 32;

/** The events of $all that a read asks for: forwards from a position inclusive, backwards exclusive. */
const fromAll = (options: ReadOptions, all: readonly StoredEvent[], backwards: boolean) => {
  const asked = options.getAll()!;
  const place = asked.hasPosition() ? Number(asked.getPosition()!.getCommitPosition()) : undefined;
  if (!backwards) {
    if (asked.hasEnd()) return [];
    return all.slice(all.findIndex(({ position }) => position >= (place ?? 0))).slice(noneIf(all, place));
  }
  if (asked.hasStart()) return [];
  return all.filter(({ position }) => place === undefined || position < place).reverse();
};

/** `slice(-1)` of what was not found would be the last one. */
const noneIf = (all: readonly StoredEvent[], place = 0) =>
  (all.at(-1)?.position ?? -1) < place ? Number.MAX_SAFE_INTEGER : 0;

/** The events of one stream that a read asks for, from a revision inclusive. */
const fromStream = (options: ReadOptions, events: readonly StoredEvent[], backwards: boolean) => {
  const asked = options.getStream()!;
  const place = asked.hasRevision() ? Number(asked.getRevision()) : undefined;
  if (!backwards) {
    if (asked.hasEnd()) return [];
    return events.filter(({ revision }) => revision >= (place ?? 0));
  }
  if (asked.hasStart()) return events.slice(0, 1);
  return events.filter(({ revision }) => place === undefined || revision <= place).reverse();
};

/** Whether the filter of a subscription lets an event pass. */
const passes = (options: ReadOptions, { stream, type }: StoredEvent): boolean => {
  const filter = options.getFilter();
  if (filter === undefined) return true;
  const byStream = filter.getStreamIdentifier();
  const expression = byStream ?? filter.getEventType()!;
  const value = byStream === undefined ? type : stream;
  const prefixes = expression.getPrefixList();
  return prefixes.length > 0
    ? prefixes.some((prefix) => value.startsWith(prefix))
    : new RegExp(expression.getRegex()).test(value);
};

/** Reads, and live subscriptions to $all. */
export const readHandlers = (store: () => MemoryStore, isVisible: (event: StoredEvent) => boolean) => {
  type Live = { readonly call: ReadCall; readonly options: ReadOptions; sent: number; looked: number };
  const live = new Set<Live>();

  const tell = (one: Live) => {
    for (const event of store().all()) {
      if (event.position <= one.sent || !isVisible(event)) continue;
      one.sent = event.position;
      one.looked += 1;
      if (passes(one.options, event)) one.call.write(eventMessage(event));
      if (one.options.hasFilter() && one.looked % checkpointEvery === 0)
        one.call.write(checkpointMessage(event.position));
    }
  };

  const subscribe = (call: ReadCall, options: ReadOptions) => {
    const asked = options.getAll()!;
    const last = store().all().at(-1)?.position ?? -1;
    const after = asked.hasPosition() ? Number(asked.getPosition()!.getCommitPosition()) : -1;
    const one = { call, options, sent: asked.hasEnd() ? last : after, looked: 0 };
    live.add(one);
    call.on('cancelled', () => live.delete(one));
    call.write(confirmationMessage());
    tell(one);
  };

  const read = (call: ReadCall) => {
    const options = call.request.getOptions()!;
    if (options.hasSubscription()) return subscribe(call, options);
    const max = Number(options.getCount());
    const backwards = options.getReadDirection() === 1;
    if (max === 0) return call.emit('error', callError(status.INVALID_ARGUMENT, 'count'));
    if (options.hasAll()) {
      for (const event of fromAll(options, store().all().filter(isVisible), backwards).slice(0, max))
        call.write(eventMessage(event));
      return call.end();
    }
    const name = nameOf(options.getStream()!.getStreamIdentifier());
    const stored = store().stream(name);
    const events = Array.isArray(stored) ? stored.filter(isVisible) : stored;
    if (events === 'tombstoned') {
      const error = callError(status.FAILED_PRECONDITION, 'stream-deleted', { 'stream-name': name });
      return call.emit('error', error);
    }
    if (events === undefined) call.write(notFoundMessage(name));
    else
      for (const event of fromStream(options, events, backwards).slice(0, max))
        call.write(eventMessage(event));
    return call.end();
  };

  return {
    read,
    /** Tells those who have subscribed what is new. */
    tellAll: (): void => live.forEach(tell),
    /** Breaks every subscription with an error. */
    breakAll: (): void => {
      for (const { call } of live) call.emit('error', callError(status.UNAVAILABLE, 'broken'));
      live.clear();
    },
    /** Forgets every subscription without a word: nobody hears anything any more. */
    silenceAll: (): void => live.clear(),
    /** How many have subscribed. */
    subscriptions: (): number => live.size,
  };
};
