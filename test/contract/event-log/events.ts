import { randomUUID } from 'node:crypto';
import type { EventId } from '@recourse/contracts/ids';
import type { StreamName } from '@recourse/contracts/streams';
import type { EventLog, NewEvent, RecordedEvent } from '../../../infra/ports/event-log.ts';

/** Gives the log of the test at hand. */
export type Open = () => EventLog;

/** Gives the position after which that log holds what the test at hand has written. */
export type Start = () => number;

/** Tells this run's ids and streams from those of others, for logs that keep them. */
const run = randomUUID().slice(0, 8);
let idsGiven = 0;

/** A UUID that no other call gives. */
const freshId = (): EventId => {
  idsGiven += 1;
  return `${run}-0000-4000-8000-${idsGiven.toString(16).padStart(12, '0')}` as EventId;
};

/** An event with a fresh id; `note` tells it from others. */
export const anEvent = (note = 'n', id = freshId()): NewEvent<'RetryRequested'> => ({
  type: 'RetryRequested',
  data: { note },
  id,
  correlation: '4d1f6f0e-9c1b-4c8e-8f53-0a6a3f1f2b11',
  causation: '0b6c2d5e-7a52-4b6e-9a5c-3c1d2e3f4a5b',
});

/** Events with fresh ids. */
export const someEvents = (count: number): NewEvent[] =>
  Array.from({ length: count }, (_, index) => anEvent(`note ${index}`));

/** A stream that no other call gives. */
export const freshStream = (): StreamName => `saga-input-${freshId()}` as StreamName;

/** Waits, turn by turn, until a condition holds. */
export const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

/** Ids, in order. */
export const idsOf = (records: readonly { readonly id: string }[]): string[] => records.map(({ id }) => id);

/** Revisions, in order. */
export const revisionsOf = (records: readonly RecordedEvent[]): number[] =>
  records.map(({ revision }) => revision);
