import type { DatabaseSync } from 'node:sqlite';
import { type Packed, unpack } from './names.ts';
import { waymarkEvery } from './records.ts';
import { categoriesMax } from './streams.ts';
import type { FindingList } from './verify-findings.ts';
import type { Losses } from './verify-losses.ts';
import { isDamage, type RawRecord } from './verify-rows.ts';

/** An owner, and how far each of its streams has come, by category, as far as that is remembered. */
export type OwnerTails = {
  readonly id: number;
  readonly name: string;
  /** `forgotten` where it is not remembered. */
  readonly revisions: number[];
  readonly positions: number[];
};

const forgotten = -1;

/** Owners remembered, at least; at most twice as many. A stream of another is looked up by its last record's position. */
const ownersCachedMax = 8_192;

/** Owners read at once: they are numbered as they come, so the next ones will be asked for soon. */
const ownersReadMax = 64;

/** What `read` gives, or nothing where the file is damaged there. */
export const asFarAsReadable = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch (error) {
    if (!isDamage(error)) throw error;
    return undefined;
  }
};

/** Owners by number, with their streams' tails: those last met stay in memory. */
export const ownerTable = (db: DatabaseSync, cachedMax = ownersCachedMax) => {
  const select = db.prepare('SELECT id, name FROM owners WHERE id BETWEEN ? AND ?');
  const nothing = Array.from({ length: categoriesMax / 4 }, () => forgotten);
  let names = new Map<number, string>();
  let young = new Map<number, OwnerTails>();
  let old = new Map<number, OwnerTails>();

  const readNames = (from: number, to: number) => {
    const rows = asFarAsReadable(() => select.all(from, to)) ?? [];
    names = new Map();
    for (const { id, name } of rows as unknown as { readonly id: number; readonly name: Packed }[])
      if (typeof name === 'string' || name instanceof Uint8Array) names.set(id, unpack(name));
  };

  const nameOf = (id: number): string | undefined => {
    if (!names.has(id)) readNames(id, id + ownersReadMax - 1);
    // One page that cannot be read hides the owners on it only.
    if (!names.has(id)) readNames(id, id);
    return names.get(id);
  };

  return (id: number): OwnerTails | undefined => {
    const known = young.get(id);
    if (known !== undefined) return known;
    let owner = old.get(id);
    if (owner === undefined) {
      const name = nameOf(id);
      if (name === undefined) return undefined;
      owner = { id, name, revisions: nothing.slice(), positions: nothing.slice() };
    }
    if (young.size >= cachedMax) {
      old = young;
      young = new Map();
    }
    young.set(id, owner);
    return owner;
  };
};

type Link = { readonly stream: number; readonly revision: number };

/**
 * Sees that every stream is unbroken: each record carries the revision after the one before it in its stream, and says
 * where that stands.
 */
export const streamCheck = (
  db: DatabaseSync,
  findings: FindingList,
  losses: Losses,
  onLost: (ownerId: number) => void,
) => {
  const link = db.prepare('SELECT stream, revision FROM records WHERE position = ?');
  const waymark = db.prepare('SELECT position FROM waymarks WHERE stream = ? AND revision = ?');
  let waymarks = 0;

  /** Where the tail is not remembered: by the record that `before` leads to. */
  const followsStored = ({ stream, revision, before }: RawRecord): boolean => {
    if (revision === 0) return before === 0;
    const to = asFarAsReadable(() => link.get(before) as Link | undefined);
    return to?.stream === stream && to.revision === revision - 1;
  };

  const explain = (
    { position, revision, before }: RawRecord,
    ownerId: number,
    name: string,
    tail: number,
    tailAt: number,
  ) => {
    onLost(ownerId);
    if (revision > 0 && losses.isLost(before, name, revision - 1)) return;
    const it = `record ${position} (${name} revision ${revision})`;
    if (tail !== forgotten && tail !== revision - 1)
      findings.add(
        'damage',
        'stream-broken',
        `${name} revision ${revision}`,
        `${it} comes after revision ${tail} of its stream, at position ${tailAt}`,
      );
    else {
      const where = tail === forgotten ? 'it does not stand there' : `it stands at ${tailAt}`;
      const expected = revision === 0 ? 'there is none' : where;
      findings.add(
        'damage',
        'link-wrong',
        `position ${position}`,
        `${it} says that the record before it in its stream stands at position ${before}: ${expected}`,
      );
    }
  };

  const checkWaymark = ({ position, stream, revision }: RawRecord, name: string) => {
    waymarks += 1;
    const row = asFarAsReadable(() => waymark.get(stream, revision) as { position: number } | undefined);
    const found = row?.position;
    if (found === position) return;
    const says = found === undefined ? 'has none' : `says position ${found}`;
    findings.add(
      'damage',
      'waymark-wrong',
      `${name} revision ${revision}`,
      `record ${position} (${name} revision ${revision}) should have a waymark: the table ${says}`,
    );
  };

  return {
    /** Takes the next record of a stream. `sound`: it matches its checksum, so its names are its own. */
    take: (row: RawRecord, owner: OwnerTails, name: string, sound: boolean): void => {
      const category = row.stream % categoriesMax;
      const tail = owner.revisions[category] ?? forgotten;
      const tailAt = owner.positions[category] ?? forgotten;
      const follows =
        tail === forgotten ? followsStored(row) : row.revision === tail + 1 && row.before === tailAt;
      // What does not match its checksum has been said; where it fits nowhere, its stream is not to be trusted either.
      if (!sound && !follows) return;
      if (!follows) explain(row, owner.id, name, tail, tailAt);
      owner.revisions[category] = row.revision;
      owner.positions[category] = row.position;
      if (row.revision > 0 && row.revision % waymarkEvery === 0) checkWaymark(row, name);
    },
    /** How many waymarks there must be for the records taken. */
    waymarks: (): number => waymarks,
  };
};
