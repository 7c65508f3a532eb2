import type { DatabaseSync } from 'node:sqlite';
import { LRUCache } from 'lru-cache';
import { noStream } from '../ports/event-log.ts';
import { packer, splitStream } from './names.ts';

/** Categories that one log may hold: the low five bits of a stream's number. */
export const categoriesMax = 32;

/** What an owner's streams have come to: their last revisions, and the positions of those records, by category. */
export type Owner = {
  readonly name: string;
  readonly id: number;
  stored: boolean;
  readonly heads: number[];
  readonly lastPositions: number[];
  /** The categories touched by the transaction at hand, as bits. */
  touched: number;
};

/** One stream: its owner and its category's number. */
export type StreamRef = { readonly owner: Owner; readonly category: number };

/** The number under which records and heads know a stream. */
export const streamNumber = ({ owner, category }: StreamRef): number => owner.id * categoriesMax + category;

/** The position of a stream's last record, 0 where it has none. */
export const lastPositionIn = ({ owner, category }: StreamRef): number => owner.lastPositions[category] ?? 0;

/** The revision of a stream's last record as memory knows it, `noStream` where it has none. */
export const headIn = ({ owner, category }: StreamRef): number => owner.heads[category] ?? noStream;

/**
 * Streams by name, with their heads: a bounded cache over the tables. An owner that is in the cache answers for all
 * of its streams, those that do not exist included, without a query.
 */
export const streamTable = (db: DatabaseSync, ownersCachedMax: number) => {
  const ownerByName = db.prepare('SELECT id FROM owners WHERE name = ?');
  const ownerIdMax = db.prepare('SELECT coalesce(max(id), 0) AS id FROM owners');
  const headsOfOwner = db.prepare('SELECT stream, head, position FROM heads WHERE stream BETWEEN ? AND ?');
  const addOwner = db.prepare('INSERT INTO owners (id, name) VALUES (?, ?)');
  const setHead = db.prepare('REPLACE INTO heads (stream, head, position) VALUES (?, ?, ?)');
  const allCategories = db.prepare('SELECT id, name FROM categories');
  const addCategory = db.prepare('INSERT INTO categories (id, name) VALUES (?, ?)');

  const pack = packer();
  const cache = new LRUCache<string, Owner>({ max: ownersCachedMax });
  const touched = new Map<string, Owner>();
  const categories = new Map<string, number>();
  let ownerIdLast = 0;

  const load = () => {
    categories.clear();
    for (const { id, name } of allCategories.all() as { id: number; name: string }[])
      categories.set(name, id);
    ownerIdLast = (ownerIdMax.get() as { id: number }).id;
  };
  load();

  const newCategory = (name: string): number | undefined => {
    const id = categories.size;
    if (id >= categoriesMax) return undefined;
    addCategory.run(id, name);
    categories.set(name, id);
    return id;
  };

  const readOwner = (name: string): Owner | undefined => {
    const row = ownerByName.get(pack(name)) as { id: number } | undefined;
    if (row === undefined) return undefined;
    const { id } = row;
    const owner: Owner = { name, id, stored: true, heads: [], lastPositions: [], touched: 0 };
    const first = id * categoriesMax;
    for (const { stream, head, position } of headsOfOwner.all(first, first + categoriesMax - 1) as {
      stream: number;
      head: number;
      position: number;
    }[]) {
      owner.heads[stream - first] = head;
      owner.lastPositions[stream - first] = position;
    }
    cache.set(name, owner);
    return owner;
  };

  const knownOwner = (name: string) => cache.get(name) ?? touched.get(name) ?? readOwner(name);

  return {
    /** A stream that exists; `undefined` where there is none of that name. */
    find: (name: string): StreamRef | undefined => {
      const parts = splitStream(name);
      const category = categories.get(parts.category);
      const owner = category === undefined ? undefined : knownOwner(parts.key);
      return category === undefined || owner?.heads[category] === undefined ? undefined : { owner, category };
    },

    /**
     * A stream to append to, made where it does not exist; `undefined` where it would be of one category more than
     * the log can hold. Inside a transaction only.
     */
    findOrMake: (name: string): StreamRef | undefined => {
      const parts = splitStream(name);
      const category = categories.get(parts.category) ?? newCategory(parts.category);
      if (category === undefined) return undefined;
      let owner = knownOwner(parts.key);
      if (owner === undefined) {
        ownerIdLast += 1;
        owner = { name: parts.key, id: ownerIdLast, stored: false, heads: [], lastPositions: [], touched: 0 };
        cache.set(parts.key, owner);
      }
      return { owner, category };
    },

    /** Notes what an append makes of a stream; `store` writes it. */
    advance: ({ owner, category }: StreamRef, head: number, position: number): void => {
      if (owner.touched === 0) touched.set(owner.name, owner);
      owner.touched |= 1 << category;
      owner.heads[category] = head;
      owner.lastPositions[category] = position;
    },

    /** Writes the owners and heads touched since the last `store`, each once. Inside the transaction. */
    store: (): void => {
      for (const owner of touched.values()) {
        if (!owner.stored) addOwner.get(owner.id, pack(owner.name));
        owner.stored = true;
        const first = owner.id * categoriesMax;
        for (let category = 0; owner.touched !== 0; category += 1, owner.touched >>>= 1)
          if ((owner.touched & 1) === 1)
            setHead.get(first + category, owner.heads[category]!, owner.lastPositions[category]!);
      }
      touched.clear();
    },

    /** Forgets everything that was not read from disk: after a transaction that was rolled back. */
    forget: (): void => {
      cache.clear();
      touched.clear();
      load();
    },
  };
};

/** Streams by name, as `streamTable` makes it. */
export type StreamTable = ReturnType<typeof streamTable>;
