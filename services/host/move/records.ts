import { isDeepStrictEqual } from 'node:util';
import { registered } from '@recourse/contracts/registry';
import { upcast } from '@recourse/contracts/upcasters';
import type { ForeignRecord } from '@recourse/infra/eventstore/import';
import type { RecordSource } from '@recourse/infra/log/record-source';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';

/** How many records of a folder are read at once. */
const readMax = 1_000;

/** The records of a folder after a position, up to another, in order, a batch at a time. */
export function* recordsOf(
  source: RecordSource,
  after: number,
  upTo: number,
): Generator<readonly ForeignRecord[]> {
  for (let position = after; position < upTo; ) {
    const records = source.read(position, Math.min(readMax, upTo - position));
    yield records;
    position += records.length;
  }
}

/** A stored record as whoever reads a log sees it: its data are those of the present schema. */
export const presentForm = ({ json, ...record }: ForeignRecord, position: number): RecordedEvent =>
  ({
    ...record,
    position,
    version: registered(record.type).version,
    data: upcast(record.type, record.version, JSON.parse(json)),
  }) as unknown as RecordedEvent;

const fields = ['stream', 'revision', 'id', 'type', 'version', 'time', 'correlation', 'causation'] as const;

/** What a record in the target has other than the one at this position of the folder's log; undefined where nothing. */
export const differenceOf = (
  stored: ForeignRecord,
  position: number,
  found: RecordedEvent,
): string | undefined => {
  const expected = presentForm(stored, position);
  const what = `record ${position} (${stored.stream} ${stored.revision}, ${stored.type})`;
  for (const field of fields)
    if (expected[field] !== found[field])
      return `${what}: ${field} is ${JSON.stringify(expected[field])} in the folder, ${JSON.stringify(found[field])} in the target`;
  return isDeepStrictEqual(expected.data, found.data) ? undefined : `${what}: its data is another`;
};
