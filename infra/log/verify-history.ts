import type { DatabaseSync } from 'node:sqlite';
import { isKnown, type StoredType } from './records.ts';
import { categoriesMax } from './streams.ts';
import { type FindingList, textOf } from './verify-findings.ts';
import { isDamage, type RawRecord, rawRows } from './verify-rows.ts';
import { asFarAsReadable, type OwnerTails } from './verify-streams.ts';

/** A record that matches its checksum, for who checks what it means. Its data is the JSON text that is stored. */
export type SoundRecord = {
  readonly position: number;
  readonly category: string;
  /** Whose stream it is: the order, the SKU, the receipt; and the number that the log has for it. */
  readonly owner: string;
  readonly ownerId: number;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly causation: string;
  readonly data: string;
};

/** What the log calls types and categories by number, as far as those tables can be read. */
export const namesOf = (db: DatabaseSync, findings: FindingList) => {
  const stored = rowsOf(db, 'types', findings) as StoredType[];
  const types = new Map(stored.map((it) => [it.id, { ...it, known: isKnown(it) }]));
  const named = rowsOf(db, 'categories', findings) as { readonly id: number; readonly name: string }[];
  return { types, categories: new Map(named.map(({ id, name }) => [id, name])) };
};

/** Names by number, as `namesOf` reads them. */
export type Names = ReturnType<typeof namesOf>;

/** A row with its names, for who checks what records mean. */
export const soundRecord = (
  { position, revision, id, causation, data }: RawRecord,
  owner: Pick<OwnerTails, 'id' | 'name'>,
  category: string,
  { name, version }: StoredType,
): SoundRecord => ({
  position,
  category,
  owner: owner.name,
  ownerId: owner.id,
  revision,
  id,
  type: name,
  version,
  causation,
  data,
});

/** All records of an owner's streams before a position, in their order. */
export type HistoryOf = (owner: Pick<OwnerTails, 'id' | 'name'>, before: number) => readonly SoundRecord[];

/**
 * Reads histories, by walking each stream back from its head: for what hardly ever happens. What cannot be read is left
 * out.
 */
export const historyReader = (db: DatabaseSync, { types, categories }: Names): HistoryOf => {
  const rows = rawRows(db);
  const heads = db.prepare('SELECT stream, position FROM heads WHERE stream BETWEEN ? AND ?');

  return (owner, before) => {
    const first = owner.id * categoriesMax;
    const found: SoundRecord[] = [];
    const walk = (stream: number, from: number) => {
      const category = categories.get(stream % categoriesMax);
      for (let at = from; at > 0; ) {
        const row = asFarAsReadable(() => rows.at(at));
        if (row?.stream !== stream || row.before >= at) return;
        const type = types.get(row.type);
        if (at < before && category !== undefined && type !== undefined)
          found.push(soundRecord(row, owner, category, type));
        at = row.before;
      }
    };
    const all = asFarAsReadable(() => heads.all(first, first + categoriesMax - 1)) ?? [];
    for (const { stream, position } of all as { readonly stream: number; readonly position: number }[])
      walk(stream, position);
    return found.sort((a, b) => a.position - b.position);
  };
};

/** The rows of a small table, none where it cannot be read. */
const rowsOf = (db: DatabaseSync, table: string, findings: FindingList): readonly unknown[] => {
  try {
    return db.prepare(`SELECT * FROM ${table}`).all();
  } catch (error) {
    if (!isDamage(error)) throw error;
    findings.add('damage', 'table-unreadable', table, `the table ${table} cannot be read: ${textOf(error)}`);
    return [];
  }
};
