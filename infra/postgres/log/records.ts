import { registered } from '@recourse/contracts/registry';
import { upcast } from '@recourse/contracts/upcasters';
import { DamagedError, UnknownVersionError } from '../../errors.ts';
import { checksumWithoutTime } from '../../log/checksum.ts';
import { isKnown } from '../../log/records.ts';
import type { RecordedEvent } from '../../ports/event-log.ts';
import type { TypeTable } from './types.ts';

/** A record as statements give it. */
export type Row = {
  readonly position: number;
  readonly revision: number;
  readonly time: number;
  readonly type: number;
  readonly crc: number;
  readonly id: string;
  readonly causation: string;
  readonly correlation: string | null;
  readonly data: string;
};

/** A row with its stream; null where that is not in its table. */
export type RowOfStream = Row & { readonly owner: string | null; readonly category: string | null };

/** A record, with the length of its JSON. */
export type Sized = { readonly record: RecordedEvent; readonly size: number };

/** What was stored is not there, or is another. */
export const damage = (what: string): DamagedError =>
  new DamagedError(`the log is damaged: ${what}; restore PostgreSQL from a backup`);

/** Makes records of rows, each checked and parsed once, and old data the present schema's. */
export const recordDecoder = (types: TypeTable) => {
  const decode = (row: Row, stream: string, owner: string): RecordedEvent => {
    const { position, revision, id, causation, data } = row;
    const type = types.get(row.type);
    if (type === undefined) throw damage(`record ${position} (${stream} ${revision}) has no type`);
    const { name, version } = type;
    const correlation = row.correlation ?? owner;
    const crc = checksumWithoutTime(
      { stream, revision, id, type: name, version, correlation, causation },
      data,
    );
    if (crc !== row.crc)
      throw damage(`record ${position} (${stream} ${revision}, ${name}) does not match its checksum`);
    if (!isKnown(type))
      throw new UnknownVersionError(
        `record ${position} (${stream} ${revision}) is a ${name} of version ${version}: this Recourse does not know it, start a newer one`,
      );
    return {
      position,
      stream,
      revision,
      id,
      type: name,
      version: registered(name).version,
      time: row.time,
      correlation,
      causation,
      data: upcast(name, version, JSON.parse(data)),
    } as unknown as RecordedEvent;
  };

  return {
    /** Learns of types that others have added since. To be awaited before rows are decoded. */
    prepare: async (rows: readonly Row[]): Promise<void> => {
      if (rows.some(({ type }) => types.get(type) === undefined)) await types.read();
    },
    decode,
    /** As `decode`, of rows that name their streams. */
    decodeOfStream: (row: RowOfStream): Sized => {
      const { owner, category, position, revision } = row;
      if (owner === null) throw damage(`record ${position} (revision ${revision}) has no stream`);
      return { record: decode(row, `${category}-${owner}`, owner), size: row.data.length };
    },
  };
};

/** Makes records of rows, as `recordDecoder` makes it. */
export type RecordDecoder = ReturnType<typeof recordDecoder>;
