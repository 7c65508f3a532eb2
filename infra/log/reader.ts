import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { registry } from '@recourse/contracts/registry';
import { upcast } from '@recourse/contracts/upcasters';
import { UnknownVersionError } from '../errors.ts';
import type { FoldedEvent } from '../project/projection.ts';
import type { LogSource } from '../project/source.ts';
import { openDatabaseToRead } from './database.ts';
import { type Packed, unpack } from './names.ts';
import { categoriesMax } from './streams.ts';

type Row = [
  position: number,
  stream: number,
  revision: number,
  type: number,
  time: number,
  correlation: Packed | null,
  data: string,
];

type Type = { readonly id: number; readonly name: string; readonly version: number };

/** Names of owners are read so many at once: those who come one after the other stand beside each other. */
const ownersReadAtOnce = 256;
/** So many of such blocks are kept in memory, at least; at most twice as many. */
const ownerBlocksMax = 16;

/** One for each set of types that is wanted: of all, and of what is being rebuilt. */
const statementsMax = 8;

const foldedColumns = 'position, stream, revision, type, time, correlation, data';

/** Looks names up by number, and keeps those last used. */
const ownerNames = (db: DatabaseSync) => {
  const select = db.prepare('SELECT id, name FROM owners WHERE id BETWEEN ? AND ?');
  let young = new Map<number, Map<number, string>>();
  let old = new Map<number, Map<number, string>>();

  const readBlock = (block: number) => {
    const first = block * ownersReadAtOnce;
    const rows = select.all(first, first + ownersReadAtOnce - 1) as { id: number; name: Packed }[];
    return new Map(rows.map(({ id, name }) => [id, unpack(name)]));
  };

  const keep = (block: number, names: Map<number, string>) => {
    if (young.size >= ownerBlocksMax) {
      old = young;
      young = new Map();
    }
    young.set(block, names);
    return names;
  };

  return (id: number): string => {
    const block = Math.floor(id / ownersReadAtOnce);
    const known = young.get(block) ?? keep(block, old.get(block) ?? readBlock(block));
    // The last block goes on growing.
    const name = known.get(id) ?? keep(block, readBlock(block)).get(id);
    if (name === undefined) throw new Error(`the log is damaged: owner ${id} is missing`);
    return name;
  };
};

/** Types by number, read again when an unknown one turns up. Refuses a version that this build does not know. */
const typeNames = (db: DatabaseSync) => {
  const select = db.prepare('SELECT id, name, version FROM types');
  const types = new Map<number, Type>();
  return {
    get: (id: number, position: number): Type => {
      const { name, version } = types.get(id)!;
      if (version > (registry.get(name)?.version ?? 0))
        throw new UnknownVersionError(
          `record ${position} is a ${name} of version ${version}: this Recourse does not know it, start a newer one`,
        );
      return types.get(id)!;
    },
    numbersOf: (wanted: ReadonlySet<string>): readonly number[] => {
      for (const row of select.all() as Type[]) types.set(row.id, row);
      return [...types.values()].filter(({ name }) => wanted.has(name)).map(({ id }) => id);
    },
  };
};

/**
 * Reads a log beside its writer, in another thread or process, for replay: in batches, only the types that are
 * wanted, each parsed once. Checksums are not looked at. Throws a `StartError` where the file is no log of this
 * version; reading throws an `UnknownVersionError` at a wanted record of a version that this build does not know.
 */
export const openSqliteLogReader = (path: string): LogSource => {
  const db = openDatabaseToRead(path);
  const headRow = db.prepare('SELECT max(position) AS head FROM records');
  const categoryRows = db.prepare('SELECT id, name FROM categories');
  const ownerOf = ownerNames(db);
  const types = typeNames(db);
  const idRow = db.prepare('SELECT id FROM records WHERE position = ?');
  const timeRow = db.prepare('SELECT time FROM records WHERE position <= ? ORDER BY position DESC LIMIT 1');
  const categories = new Map<number, string>();
  const statements = new Map<string, StatementSync>();

  const categoryOf = (id: number): string => {
    if (!categories.has(id))
      for (const row of categoryRows.all() as { id: number; name: string }[])
        categories.set(row.id, row.name);
    return categories.get(id)!;
  };

  const rowsOf = (wanted: ReadonlySet<string>): StatementSync => {
    const numbers = types.numbersOf(wanted).join();
    const known = statements.get(numbers);
    if (known !== undefined) return known;
    const statement = db.prepare(
      `SELECT ${foldedColumns} FROM records WHERE position > ? AND position <= ? AND type IN (${numbers}) ORDER BY position`,
    );
    statement.setReturnArrays(true);
    if (statements.size >= statementsMax) statements.clear();
    statements.set(numbers, statement);
    return statement;
  };

  const decode = ([position, stream, revision, typeId, time, correlation, data]: Row): FoldedEvent => {
    const { name, version } = types.get(typeId, position);
    const owner = ownerOf(Math.floor(stream / categoriesMax));
    return {
      position,
      stream: `${categoryOf(stream % categoriesMax)}-${owner}`,
      revision,
      type: name,
      version,
      time,
      correlation: correlation === null ? owner : unpack(correlation),
      data: upcast(name, version, JSON.parse(data)),
    } as FoldedEvent;
  };

  const idAt = (position: number) => {
    const found = idRow.get(position) as { id: Packed } | undefined;
    return found && unpack(found.id);
  };

  const head = () => (headRow.get() as { head: number | null }).head ?? 0;

  /** Times never decrease from one position to the next, so the last one of a time is found by halving. */
  const positionAt = (timeMs: number) => {
    let [before, after] = [0, head() + 1];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      const { time } = (timeRow.get(middle) as { time: number } | undefined) ?? { time: -1 };
      if (time <= timeMs) before = middle;
      else after = middle;
    }
    return before;
  };

  return {
    head,
    read: (after, max, wanted) => {
      const last = Math.min(head(), after + max);
      if (last <= after) return undefined;
      const found = rowsOf(wanted).all(...([after, last] as SQLInputValue[])) as unknown as Row[];
      return { records: found.map(decode), place: { position: last, id: idAt(last) ?? '' } };
    },
    idAt,
    positionAt,
    close: () => db.close(),
  };
};
