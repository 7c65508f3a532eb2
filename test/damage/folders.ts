import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openVerifications } from '@recourse/api/verify/verifications';
import type { Verification } from '@recourse/contracts/http-verification';
import { systemClock } from '@recourse/infra/system';
import { until } from '../shop.ts';

/** A record as a test looks for it. */
export type Found = {
  readonly position: number;
  readonly stream: string;
  readonly revision: number;
  readonly type: string;
  readonly data: Record<string, unknown>;
};

/** Copies of the data folder of a closed shop, each to be damaged in its own way. */
export const damagedFolders = () => {
  const folders: string[] = [];
  return {
    copyOf: async (dataDir: string): Promise<string> => {
      const folder = await mkdtemp(join(tmpdir(), 'recourse-damaged-'));
      folders.push(folder);
      await cp(dataDir, folder, { recursive: true });
      return folder;
    },
    clean: async (): Promise<void> => {
      for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
    },
  };
};

/** Runs SQL on a file of a data folder. */
export const edit = (dataDir: string, file: string, ...statements: readonly string[]): void => {
  const db = new DatabaseSync(join(dataDir, file), { defensive: false });
  for (const sql of statements) db.exec(sql);
  db.close();
};

/** The file that serves a read model, within the data folder. */
export const modelFile = (dataDir: string, name: string): string => {
  const { file } = JSON.parse(readFileSync(join(dataDir, 'read-models', `${name}.json`), 'utf8')) as {
    readonly file: string;
  };
  return join('read-models', file);
};

const reading = <T>(dataDir: string, file: string, read: (db: DatabaseSync) => T): T => {
  const db = new DatabaseSync(join(dataDir, file), { readOnly: true });
  try {
    return read(db);
  } finally {
    db.close();
  }
};

/** How many rows a table has. */
export const rowsIn = (dataDir: string, file: string, table: string): number =>
  reading(dataDir, file, (db) => Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n));

/** SQL that finds the first row of a table, and no other. */
export const firstRow = (dataDir: string, file: string, table: string): { readonly where: string } =>
  reading(dataDir, file, (db) => {
    const keys = db.prepare('SELECT name FROM pragma_table_info(?) WHERE pk > 0').all(table);
    const columns = keys.map(({ name }) => String(name));
    const quoted = columns.map((column) => `quote(${column}) AS ${column}`).join(', ');
    const row = db.prepare(`SELECT ${quoted} FROM ${table} LIMIT 1`).get()!;
    return { where: columns.map((column) => `${column} = ${row[column]}`).join(' AND ') };
  });

/** All records of a closed log. */
export const recordsIn = (dataDir: string): Found[] => {
  const db = new DatabaseSync(join(dataDir, 'log.db'), { readOnly: true });
  const rows = db
    .prepare(
      `SELECT r.position, c.name || '-' || CASE typeof(o.name) WHEN 'blob' THEN lower(hex(o.name)) ELSE o.name END AS stream,
         r.revision, t.name AS type, r.data
       FROM records r JOIN owners o ON o.id = r.stream / 32 JOIN categories c ON c.id = r.stream % 32
         JOIN types t ON t.id = r.type ORDER BY r.position`,
    )
    .all() as unknown as (Omit<Found, 'data'> & { readonly data: string })[];
  db.close();
  return rows.map((row) => ({ ...row, data: JSON.parse(row.data) as Record<string, unknown> }));
};

/** Verifies a folder in which nothing runs. */
export const verifyFolder = async (dataDir: string): Promise<Verification> => {
  const verifications = openVerifications({ dataDir, clock: systemClock });
  try {
    const { verificationId } = verifications.start(randomUUID())!;
    return await until(
      async () => verifications.find(verificationId)!,
      ({ state }) => state !== 'running',
    );
  } finally {
    await verifications.close();
  }
};

/** What a verification says, by check: codes, each once. */
export const codesOf = ({ checks }: Verification): Record<string, string[]> =>
  Object.fromEntries(
    checks
      .filter(({ findings }) => findings.length > 0)
      .map(({ name, findings }) => [name, [...new Set(findings.map(({ code }) => code))]]),
  );

/** Its sentences. */
export const saidBy = ({ checks }: Verification): string[] =>
  checks.flatMap(({ findings }) => findings.map(({ detail }) => detail));
