import type { EventLog, RecordedEvent } from '../../../ports/event-log.ts';
import type { FoldedEvent } from '../../../project/projection.ts';

/** What a projector needs of a log. */
export type FollowedLog = Pick<EventLog, 'head' | 'follow' | 'readAll' | 'readStream'>;

/** A log in memory that goes on with every record that is added; `name` begins the ids of its records. */
export const memoryLog = (
  first: readonly FoldedEvent[] = [],
  name = 'log',
): FollowedLog & { add(records: readonly FoldedEvent[]): void } => {
  const records: RecordedEvent[] = [];
  const wakes = new Set<() => void>();
  const add = (more: readonly FoldedEvent[]) => {
    for (const it of more)
      records.push({
        ...it,
        revision: records.filter(({ stream }) => stream === it.stream).length,
        id: `${name}-${it.position}`,
        causation: '',
      } as unknown as RecordedEvent);
    for (const wake of wakes) wake();
  };
  add(first);
  return {
    add,
    head: async () => records.length,
    readStream: async (stream, { from = 0, max } = {}) =>
      records.filter((it) => it.stream === stream && it.revision >= from).slice(0, max),
    readAll: async (after, max) => records.slice(after, after + max),
    follow: (after, batchMax, onRecords) => {
      let closed = false;
      let woken = Promise.withResolvers<void>();
      const wake = () => woken.resolve();
      wakes.add(wake);
      const run = async () => {
        for (let at = after; !closed; ) {
          woken = Promise.withResolvers();
          const batch = records.slice(at, at + batchMax);
          if (batch.length === 0) await woken.promise;
          else await onRecords(batch);
          at += batch.length;
        }
      };
      const ran = run();
      return {
        close: async () => {
          closed = true;
          wakes.delete(wake);
          wake();
          await ran;
        },
      };
    },
  };
};
