import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type FindingList, textOf } from '@recourse/infra/log/verify-findings';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import { placeOfFile } from '@recourse/infra/project/file';
import { fileName, readPointer } from '@recourse/infra/project/pointer';
import type { Projection } from '@recourse/infra/project/projection';
import { compareRows } from './compare-rows.ts';
import type { Refold } from './refold.ts';

/** How long a read model may stand still before the log's head until it is called behind. */
const standsStillMsMax = 2_000;
const lookAgainMs = 50;

/** The most records that are folded while a read model's file is kept from being tidied by a transaction of ours. */
const heldRecordsMax = 5_000;

const busyMsMax = 5_000;
const cacheKiBMax = 8_192;

/** What read models are compared with. */
export type ModelsChecked = {
  /** The folder of the read models. */
  readonly folder: string;
  readonly refold: Refold;
  readonly clock: Clock;
  readonly findings: FindingList;
};

/**
 * Compares every row of a read model with the fold of the log, at the position that the model itself shows. Resolves
 * with how many rows were compared. One that is behind, or of another version, is said to be so, and not compared.
 */
export const checkModel = async (it: ModelsChecked, projection: Projection): Promise<number> => {
  const { findings, refold } = it;
  const { name, version } = projection;
  const note = (code: string, detail: string) => {
    findings.add('note', code, name, `read model ${name} ${detail}`);
    return 0;
  };
  const pointer = readPointer(it.folder, name);
  if (pointer === undefined) return note('model-missing', 'is not there yet: it was not compared');
  if (pointer.version !== version)
    return note(
      'model-outdated',
      `is of version ${pointer.version}, and is folded anew as version ${version}: it was not compared`,
    );
  const path = join(it.folder, fileName(name, pointer));
  try {
    const position = await whenCaughtUp(path, refold.position(name), it.clock);
    if (position < refold.position(name))
      return note('model-behind', `shows position ${position} only, and stands still: it was not compared`);
    if (position > refold.head()) {
      const ends = `the log ends at position ${refold.head()}`;
      findings.add('drift', 'model-ahead', name, `read model ${name} shows position ${position}: ${ends}`);
      return 0;
    }
    return compare(it, projection, path);
  } catch (error) {
    const detail = `read model ${name} cannot be compared (${path}): ${textOf(error)}`;
    findings.add('drift', 'model-unreadable', name, `${detail}; rebuild it`);
    return 0;
  }
};

/** The position of a read model once it is not before another, or stands still. */
const whenCaughtUp = async (path: string, wanted: number, clock: Clock): Promise<number> => {
  let { position } = placeOfFile(path);
  let since = clock.monotonic();
  while (position < wanted && clock.monotonic() - since < standsStillMsMax) {
    await sleep(clock, lookAgainMs);
    const now = placeOfFile(path).position;
    if (now !== position) since = clock.monotonic();
    position = now;
  }
  return position;
};

const compare = (it: ModelsChecked, projection: Projection, path: string): number => {
  const { name } = projection;
  const { findings, refold } = it;
  // Most of what came in meanwhile is folded before the model is held, so that it is held for a moment only.
  while (placeOfFile(path).position - refold.position(name) > heldRecordsMax)
    refold.to(name, placeOfFile(path).position);
  const db = new DatabaseSync(refold.path(name), { readOnly: true, timeout: busyMsMax });
  try {
    db.exec(`pragma cache_size = -${cacheKiBMax}`);
    db.prepare('attach ? as serving').run(path);
    db.exec(`pragma serving.cache_size = -${cacheKiBMax}; begin`);
    const { position } = db.prepare('select position from serving.checkpoint').get() as { position: number };
    refold.to(name, position);
    checkStructure(db, name, findings);
    return compareRows({ db, projection, position, findings });
  } finally {
    db.close();
  }
};

/** SQLite's own look at the file: that each index has what its table has. */
const checkStructure = (db: DatabaseSync, name: string, findings: FindingList) => {
  const said = db.prepare('pragma serving.integrity_check').all() as { readonly integrity_check: string }[];
  for (const { integrity_check: line } of said)
    if (line !== 'ok')
      findings.add(
        'drift',
        'model-structure',
        name,
        `SQLite finds in the file of read model ${name}: ${line}`,
      );
};
