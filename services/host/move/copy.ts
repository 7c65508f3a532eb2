import type { StreamName } from '@recourse/contracts/streams';
import { DamagedError, StartError } from '@recourse/infra/errors';
import type { ForeignRecord } from '@recourse/infra/eventstore/import';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { differences } from './differences.ts';
import type { FolderToMove } from './folder.ts';
import { differenceOf, recordsOf } from './records.ts';

/** The log that records are copied to. */
export type TargetLog = EventLog & { importRecords(records: readonly ForeignRecord[]): Promise<number> };

/** How many records of the target are read at once, and how many streams' heads are asked for at once. */
const readMax = 1_000;
const headsAtOnce = 128;

/** Reads the target from its first record on, with the position that each has in the folder. */
async function* readTarget(log: EventLog) {
  let count = 0;
  for (let after = 0; ; ) {
    const records = await log.readAll(after, readMax);
    if (records.length === 0) return;
    yield { records, first: count + 1 };
    count += records.length;
    after = records.at(-1)!.position;
  }
}

/**
 * How many records the target holds already. Throws the `StartError` `move-target-log` where they are not the first ones
 * of the folder.
 */
export const recordsThere = async ({ source, head }: FolderToMove, log: EventLog): Promise<number> => {
  let there = 0;
  for await (const { records, first } of readTarget(log)) {
    if (first - 1 + records.length > head)
      throw otherLog(`it holds more records than the ${head} of the folder`);
    for (const [index, stored] of source.read(first - 1, records.length).entries()) {
      const difference = differenceOf(stored, first + index, records[index]!);
      if (difference !== undefined) throw otherLog(difference);
    }
    there = first - 1 + records.length;
  }
  return there;
};

/** Copies what is missing. Throws as `recordsThere` where somebody else appends meanwhile. */
export const copyRecords = async (
  { source, head }: FolderToMove,
  log: TargetLog,
  there: number,
  onCopied: (done: number) => void,
): Promise<number> => {
  let copied = 0;
  onCopied(there);
  try {
    for (const records of recordsOf(source, there, head)) {
      copied += await log.importRecords(records);
      onCopied(there + copied);
    }
  } catch (error) {
    if (error instanceof DamagedError) throw otherLog(error.message);
    throw error;
  }
  return copied;
};

const otherLog = (why: string) =>
  new StartError(
    'move-target-log',
    `The target holds another log than the beginning of this one: ${why}. Name an empty POSTGRES_SCHEMA, or an empty EventStoreDB.`,
  );

/**
 * Reads everything back and compares it with the folder, record by record and stream by stream. `wanted`: positions of
 * the folder whose places in the target are to be known.
 */
export const readBack = async (
  { source, head }: FolderToMove,
  log: EventLog,
  wanted: ReadonlySet<number>,
  onRead: (done: number) => void,
) => {
  const found = differences();
  const places = new Map([[0, 0]]);
  let count = 0;
  for await (const { records, first } of readTarget(log)) {
    const stored = source.read(first - 1, records.length);
    for (const [index, record] of records.entries()) {
      const position = first + index;
      if (wanted.has(position)) places.set(position, record.position);
      const expected = stored[index];
      found.add(
        expected === undefined
          ? `the target holds ${record.stream} ${record.revision}, which the folder does not`
          : differenceOf(expected, position, record),
      );
    }
    count = first - 1 + records.length;
    onRead(Math.min(count, head));
  }
  if (count < head) found.add(`the target ends with record ${count} of ${head}`);
  await compareHeads(source.heads(), log, found.add);
  return { differences: found, places };
};

const compareHeads = async (
  heads: ReturnType<FolderToMove['source']['heads']>,
  log: EventLog,
  say: (difference: string | undefined) => void,
): Promise<void> => {
  const compare = async ({ stream, revision }: { readonly stream: string; readonly revision: number }) => {
    const found = await log.headOf(stream as StreamName);
    if (found !== revision)
      say(`${stream} ends with revision ${revision} in the folder, ${found} in the target`);
  };
  let batch: Promise<void>[] = [];
  for (const head of heads) {
    batch.push(compare(head));
    if (batch.length < headsAtOnce) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
};
