import type { StreamName } from '@recourse/contracts/streams';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';

/**
 * A log of one's own in a log that others write to: its streams have a mark before their names, and of the whole log
 * it shows only those. For tests: names in EventStoreDB have no prefix, so an installation needs a server of its own.
 * Begin with `beginning`, the head of the log before the first record of this mark. One process may write under a mark.
 */
export const logApart = (log: EventLog, mark: string, beginning: number): EventLog => {
  let head = beginning;
  const named = (stream: StreamName) => `${mark}${stream}` as StreamName;
  const isOurs = ({ stream }: RecordedEvent) => stream.startsWith(mark);
  const seen = (records: readonly RecordedEvent[]): readonly RecordedEvent[] => {
    head = Math.max(head, ...records.map(({ position }) => position));
    return records.map((it) => ({ ...it, stream: it.stream.slice(mark.length) as StreamName }));
  };

  return {
    append: async (stream, expected, events) => {
      const appended = await log.append(named(stream), expected, events);
      head = Math.max(head, appended.position);
      return appended;
    },
    readStream: async (stream, options) => seen(await log.readStream(named(stream), options)),
    headOf: (stream) => log.headOf(named(stream)),
    readAll: async (after, max) => {
      const found: RecordedEvent[] = [];
      let from = Math.max(after, beginning);
      while (found.length < max) {
        const page = await log.readAll(from, max);
        found.push(...page.filter(isOurs));
        if (page.length === 0) break;
        from = page.at(-1)!.position;
      }
      return seen(found.slice(0, max));
    },
    head: async () => {
      // Whoever cannot reach the server is not told what it said last.
      await log.head();
      return head === beginning ? 0 : head;
    },
    follow: (after, batchMax, onRecords) =>
      log.follow(Math.max(after, beginning), batchMax, (records) => {
        const ours = records.filter(isOurs);
        return ours.length === 0 ? undefined : onRecords(seen(ours));
      }),
    close: () => log.close(),
  };
};
