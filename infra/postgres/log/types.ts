import { registry } from '@recourse/contracts/registry';
import type { StoredType } from '../../log/records.ts';
import type { Postgres } from '../connect.ts';

/** The types of events as the log knows them, each name and version with its number. */
export type TypeTable = {
  readonly types: () => readonly StoredType[];
  readonly get: (id: number) => StoredType | undefined;
  /** The number of a type in a version, once `add` has seen to it. */
  readonly idOf: (name: string, version: number) => number | undefined;
  /** Gives numbers to those that have none. */
  readonly add: (wanted: Iterable<readonly [name: string, version: number]>) => Promise<void>;
  /** Reads again what others have added. */
  readonly read: () => Promise<void>;
};

const addText = `
  insert into log_types (name, version)
  select w.name, w.version from unnest($1::text[], $2::integer[]) as w (name, version)
  where not exists (select from log_types t where t.name = w.name and t.version = w.version)
  on conflict do nothing`;
const readText = 'select type as id, name, version from log_types';

/** Reads the table of types, and gives numbers to all that this build writes. */
export const openTypes = async (postgres: Postgres): Promise<TypeTable> => {
  const byId = new Map<number, StoredType>();
  const idByName = new Map<string, number>();

  const read = async () => {
    for (const type of await postgres.query<StoredType>(readText)) {
      byId.set(type.id, type);
      idByName.set(`${type.name} ${type.version}`, type.id);
    }
  };
  const table: TypeTable = {
    types: () => [...byId.values()],
    get: (id) => byId.get(id),
    idOf: (name, version) => idByName.get(`${name} ${version}`),
    add: async (wanted) => {
      const missing = [...wanted].filter(([name, version]) => table.idOf(name, version) === undefined);
      if (missing.length === 0) return;
      await postgres.query(addText, [missing.map(([name]) => name), missing.map(([, version]) => version)]);
      await read();
    },
    read,
  };
  await read();
  await table.add(
    [...registry]
      .filter(([, { kind }]) => kind === 'event')
      .map(([name, { version }]): [string, number] => [name, version]),
  );
  return table;
};
