import { type EventData, jsonEvent } from '@eventstore/db-client';
import { registered } from '@recourse/contracts/registry';
import { upcast } from '@recourse/contracts/upcasters';
import { DamagedError, UnknownVersionError } from '../errors.ts';
import { checksumWithoutTime } from '../log/checksum.ts';
import { isKnown } from '../log/records.ts';
import type { NewEvent, RecordedEvent } from '../ports/event-log.ts';
import type { Found } from './found.ts';

/**
 * What stands beside an event's data, under the server's own names where it has some, so that its projections know
 * what belongs together. The checksum is of all but position and time, which the server gives.
 */
type Metadata = {
  readonly $correlationId: string;
  readonly $causationId: string;
  readonly schemaVersion: number;
  readonly crc: number;
  /** Milliseconds since 1970, of a record that another log had stamped before it was moved here. */
  readonly time?: number;
};

/** An event as it is sent, with the bytes that the server counts. */
export type Outgoing = { readonly event: EventData; readonly bytes: number };

/** A record, with the length of its JSON; undecided is what time it has among its neighbours. */
export type Decoded = { readonly record: RecordedEvent; readonly size: number };

/** What was stored is not there, or is another. */
export const damage = (what: string): DamagedError =>
  new DamagedError(`the log is damaged: ${what}; restore EventStoreDB from a backup`);

/** What is sent of an event that is to stand in a stream at a revision; `time`: where it has one already. */
export const encode = (
  { id, type, correlation, causation, data }: NewEvent,
  { stream, revision, version, time }: { stream: string; revision: number; version: number; time?: number },
): Outgoing => {
  // Not the text that its maker may have: the client writes the data once more, and that is what will be read.
  const json = JSON.stringify(data);
  const crc = checksumWithoutTime({ stream, revision, id, type, version, correlation, causation }, json);
  const metadata: Metadata = {
    $correlationId: correlation,
    $causationId: causation,
    schemaVersion: version,
    crc,
    ...(time === undefined ? {} : { time }),
  };
  const bytes =
    Buffer.byteLength(json) + Buffer.byteLength(JSON.stringify(metadata)) + 2 * Buffer.byteLength(type);
  return { event: jsonEvent({ id, type, data: data as never, metadata }) as EventData, bytes };
};

const metadataOf = ({ metadata }: Found): Metadata | undefined => {
  const { $correlationId, $causationId, schemaVersion, crc } = (metadata ?? {}) as Partial<Metadata>;
  const ours =
    typeof crc === 'number' &&
    typeof schemaVersion === 'number' &&
    typeof $correlationId === 'string' &&
    typeof $causationId === 'string';
  return ours ? (metadata as Metadata) : undefined;
};

/** Whether we have written it: it has the metadata that all our records have. */
export const isOurs = (found: Found): boolean => metadataOf(found) !== undefined;

/** When a record was written as its log stamped it, in milliseconds since 1970. */
export const stampedAt = (found: Found): number => metadataOf(found)?.time ?? found.createdMs;

/**
 * The record that we have written, checked, with old data made the present schema's. Throws a `DamagedError`, or an
 * `UnknownVersionError` where a newer Recourse wrote it.
 */
export const decode = (found: Found, time: number): Decoded => {
  const { stream, revision, position, id, type, data } = found;
  const metadata = metadataOf(found);
  if (metadata === undefined)
    throw damage(`${stream} ${revision} is a ${type} that Recourse has not written`);
  const { $correlationId: correlation, $causationId: causation, schemaVersion: version, crc } = metadata;
  const json = JSON.stringify(data);
  if (checksumWithoutTime({ stream, revision, id, type, version, correlation, causation }, json) !== crc)
    throw damage(`record ${position} (${stream} ${revision}, ${type}) does not match its checksum`);
  if (!isKnown({ id: 0, name: type, version }))
    throw new UnknownVersionError(
      `record ${position} (${stream} ${revision}) is a ${type} of version ${version}: this Recourse does not know it, start a newer one`,
    );
  const record = {
    position,
    stream,
    revision,
    id,
    type,
    version: registered(type).version,
    time,
    correlation,
    causation,
    data: upcast(type, version, data),
  } as unknown as RecordedEvent;
  return { record, size: json.length };
};
