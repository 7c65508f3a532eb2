import type { RecordedEvent as ClientEvent } from '@eventstore/db-client';

/** An event as the server has it, whosever it is. */
export type Found = {
  readonly stream: string;
  readonly revision: number;
  /** Its commit position; its prepare position is the same in all that is ours. */
  readonly position: number;
  readonly prepare: number;
  readonly id: string;
  readonly type: string;
  /** Milliseconds since 1970, by the server's clock. */
  readonly createdMs: number;
  /** Parsed, where it is JSON. */
  readonly data: unknown;
  readonly metadata: unknown;
};

/** A number that the server gave, where it can be one of ours: below 2^53. */
export const safeNumber = (value: bigint, what: string): number => {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new Error(`EventStoreDB: ${what} ${value} is too big`);
  return number;
};

/**
 * What the client hands over. An event's commit position is its place in the whole log; with it alone we can go on from
 * there, because in what was written by one append commit and prepare are equal.
 */
export const foundOf = (event: ClientEvent): Found => {
  const { streamId: stream, id, type, created, data, metadata, position } = event;
  const revision = safeNumber(event.revision, `${stream}: revision`);
  if (position === undefined) throw new Error(`EventStoreDB: ${stream} ${revision} has no position`);
  const { commit, prepare } = position;
  const system = stream.startsWith('$') || type.startsWith('$');
  if (commit !== prepare && !system)
    throw new Error(
      `EventStoreDB: ${stream} ${revision} was written in a transaction of several steps, which we cannot go on from`,
    );
  return {
    stream,
    revision,
    position: safeNumber(commit, 'position'),
    prepare: safeNumber(prepare, 'position'),
    id,
    type,
    createdMs: created.getTime(),
    data,
    metadata,
  };
};

/** Whether the server wrote it for itself: statistics, metadata, links, tombstones. */
export const isSystems = ({ stream, type }: Found): boolean => stream.startsWith('$') || type.startsWith('$');
