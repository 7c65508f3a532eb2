import { registry } from '@recourse/contracts/registry';
import { DamagedError, UnknownVersionError } from '../../errors.ts';
import type { ForeignRecord } from '../../eventstore/import.ts';
import { checksumWithoutTime } from '../../log/checksum.ts';
import { splitStream } from '../../log/names.ts';
import type { Postgres } from '../connect.ts';
import { int4Array, int8Array, textArray } from './arrays.ts';
import type { TypeTable } from './types.ts';

/** What one call may hold, unless one record alone holds more. */
const callRecordsMax = 500;
const callCharactersMax = 4 * 1024 * 1024;

const text = 'select * from log_import($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)';

/** `refused`: the number of the first record (from 1) that cannot stand where it should, and why; then none was stored. */
type Answer = { readonly stored: number; readonly refused: number | null; readonly why: string | null };

const refuseUnknown = ({ stream, revision, type, version }: ForeignRecord) => {
  const known = registry.get(type);
  if (known?.kind !== 'event' || version > known.version)
    throw new UnknownVersionError(
      `${stream} ${revision} is a ${type} of version ${version}: this Recourse does not know it, start a newer one`,
    );
};

function* chunksOf(records: readonly ForeignRecord[]): Generator<readonly ForeignRecord[]> {
  let [first, characters] = [0, 0];
  for (const [index, { json }] of records.entries()) {
    characters += json.length;
    if (index === first || (index - first < callRecordsMax && characters <= callCharactersMax)) continue;
    yield records.slice(first, index);
    [first, characters] = [index, json.length];
  }
  if (first < records.length) yield records.slice(first);
}

/** Copies records of another log into this one, in their order; a call at a time, each whole or not at all. */
export const recordImport = (
  postgres: Postgres,
  types: TypeTable,
  reading: <T>(read: () => Promise<T>) => Promise<T>,
) => {
  const store = async (records: readonly ForeignRecord[]): Promise<number> => {
    const streams = [...new Set(records.map(({ stream }) => stream))];
    const numbers = new Map(streams.map((stream, index) => [stream, index + 1]));
    const names = streams.map(splitStream);
    const owners = records.map(({ stream }) => names[numbers.get(stream)! - 1]!.key);
    const [answer] = await postgres.query<Answer>(text, [
      textArray(names.map(({ key }) => key)),
      textArray(names.map(({ category }) => category)),
      int4Array(records.map(({ stream }) => numbers.get(stream)!)),
      int8Array(records.map(({ revision }) => revision)),
      int8Array(records.map(({ time }) => time)),
      int4Array(records.map(({ type, version }) => types.idOf(type, version)!)),
      int4Array(records.map((record) => checksumWithoutTime(record, record.json))),
      textArray(records.map(({ id }) => id)),
      textArray(records.map(({ causation }) => causation)),
      textArray(
        records.map(({ correlation }, index) => (correlation === owners[index] ? null : correlation)),
      ),
      textArray(records.map(({ json }) => json)),
    ]);
    const { stored, refused, why } = answer!;
    if (refused === null) return stored;
    const { stream, revision } = records[refused - 1]!;
    throw new DamagedError(`${stream} ${revision} cannot be copied to the log in PostgreSQL: ${why}`);
  };

  return (records: readonly ForeignRecord[]): Promise<number> =>
    reading(async () => {
      records.forEach(refuseUnknown);
      await types.add(records.map(({ type, version }) => [type, version]));
      let stored = 0;
      for (const chunk of chunksOf(records)) stored += await store(chunk);
      return stored;
    });
};
