import { DatabaseSync } from 'node:sqlite';
import { checksum } from '../checksum.ts';
import { type Packed, packer, unpack } from '../names.ts';
import { categoriesMax } from '../streams.ts';

/** What a forger may change of a record. */
export type Forged = {
  readonly position?: number;
  readonly revision?: number;
  readonly before?: number;
  readonly type?: number;
  readonly time?: number;
  readonly id?: string;
  readonly causation?: string;
  readonly data?: string;
};

type Row = {
  readonly stream: number;
  readonly revision: number;
  readonly before: number;
  readonly id: Packed;
  readonly type: number;
  readonly time: number;
  readonly correlation: Packed | null;
  readonly causation: Packed;
  readonly data: string;
};

/** Changes a record of a closed log, and makes its checksum right. */
export const rewriteRecord = (path: string, position: number, forged: Forged): void => {
  const db = new DatabaseSync(path);
  const row = db.prepare('SELECT * FROM records WHERE position = ?').get(position) as unknown as Row;
  const ids = { id: unpack(row.id), causation: unpack(row.causation) };
  const it = { ...row, position, ...ids, ...forged };
  const nameOf = (table: string, id: number) =>
    db.prepare(`SELECT name FROM ${table} WHERE id = ?`).get(id) as { readonly name: Packed };
  const owner = unpack(nameOf('owners', Math.floor(row.stream / categoriesMax)).name);
  const { name, version } = db.prepare('SELECT name, version FROM types WHERE id = ?').get(it.type) as {
    readonly name: string;
    readonly version: number;
  };
  const fields = {
    stream: `${nameOf('categories', row.stream % categoriesMax).name}-${owner}`,
    ...{ revision: it.revision, id: it.id, type: name, version, time: it.time },
    correlation: row.correlation === null ? owner : unpack(row.correlation),
    causation: it.causation,
  };
  db.prepare(
    `UPDATE records SET position = ?, revision = ?, before = ?, id = ?, type = ?, time = ?, causation = ?, data = ?, crc = ?
     WHERE position = ?`,
  ).run(
    it.position,
    it.revision,
    it.before,
    packer()(it.id),
    it.type,
    it.time,
    packer()(it.causation),
    it.data,
    checksum(fields, it.data),
    position,
  );
  db.close();
};
