import { DatabaseSync } from 'node:sqlite';
import { type Packed, unpack } from '@recourse/infra/log/names';
import type { GoldenCommand, GoldenEvent, GoldenRecord } from './files.ts';

/**
 * One record of each version of each type in a log, events and commands, as it is stored: nothing is upcast. Of
 * several the one that says most.
 */
export const storedVersions = (path: string): GoldenRecord[] => {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const events = db.prepare(longestOfEach).all().map(asEvent);
    const steps = db.prepare(allSteps).all() as { readonly data: string }[];
    return [...events, ...commandsOf(steps.map(({ data }) => JSON.parse(data)))];
  } finally {
    db.close();
  }
};

/** A bare column beside `max` is that of the row which holds it (https://sqlite.org/lang_select.html#bareagg). */
const longestOfEach = `
  SELECT c.name || '-' AS category, o.name AS owner, r.revision, r.id, t.name AS type, t.version, r.time,
    r.correlation, r.causation, r.data, r.crc, max(length(r.data)) AS length
  FROM records r JOIN types t ON t.id = r.type JOIN owners o ON o.id = r.stream / 32
    JOIN categories c ON c.id = r.stream % 32
  GROUP BY r.type ORDER BY t.name, t.version`;

const allSteps = `SELECT data FROM records JOIN types t ON t.id = type WHERE t.name = 'SagaAdvanced' ORDER BY position`;

const asEvent = (row: Readonly<Record<string, unknown>>): GoldenEvent => {
  const owner = unpack(row.owner as Packed);
  return {
    kind: 'event',
    stream: `${row.category}${owner}`,
    revision: Number(row.revision),
    id: unpack(row.id as Packed),
    type: String(row.type),
    version: Number(row.version),
    time: Number(row.time),
    correlation: row.correlation === null ? owner : unpack(row.correlation as Packed),
    causation: unpack(row.causation as Packed),
    crc: Number(row.crc),
    data: JSON.parse(String(row.data)),
  };
};

type Step = {
  readonly commands: readonly (Omit<GoldenCommand, 'kind' | 'version'> & { version?: number })[];
};

const commandsOf = (steps: readonly Step[]): GoldenCommand[] => {
  const found = new Map<string, GoldenCommand>();
  const size = (it: GoldenCommand | undefined) => (it === undefined ? -1 : JSON.stringify(it.data).length);
  for (const { id, type, version = 1, data } of steps.flatMap(({ commands }) => commands)) {
    const key = `${type} ${version}`;
    const command: GoldenCommand = { kind: 'command', id, type, version, data };
    if (size(command) > size(found.get(key))) found.set(key, command);
  }
  return [...found.values()];
};
