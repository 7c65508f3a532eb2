import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type FindingList, textOf } from '@recourse/infra/log/verify-findings';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import { placeOfFile } from '@recourse/infra/project/file';
import { fileName, readPointer } from '@recourse/infra/project/pointer';
import type { Projection } from '@recourse/infra/project/projection';
import { FoldError } from '@recourse/infra/project/replay';
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
 * Compares every row of every read model with the fold of the log, each at the position that the model itself shows.
 * Resolves with how many rows were compared. One that is behind, or of another version, is said to be so, and not
 * compared.
 */
export const checkModels = async (it: ModelsChecked): Promise<number> => {
  const { projections } = it.refold;
  // All at once: one thread fills all of them.
  await Promise.all(projections.map((projection) => caughtUp(it, projection)));
  return projections.reduce((rows, projection) => rows + checkModel(it, projection), 0);
};

/** The file that serves a read model, where that is of the version at hand. */
const servingFile = ({ folder }: ModelsChecked, { name, version }: Projection): string | undefined => {
  const pointer = readPointer(folder, name);
  return pointer?.version === version ? join(folder, fileName(name, pointer)) : undefined;
};

/** Resolves once a read model is where the log was folded to, or stands still before it. */
const caughtUp = async (it: ModelsChecked, projection: Projection): Promise<void> => {
  const { clock, refold } = it;
  const positionNow = () => {
    const path = servingFile(it, projection);
    try {
      return path === undefined ? Number.POSITIVE_INFINITY : placeOfFile(path).position;
    } catch {
      return Number.POSITIVE_INFINITY; // Nothing to wait for: comparing it will say why.
    }
  };
  let position = positionNow();
  let since = clock.monotonic();
  while (position < refold.position(projection.name) && clock.monotonic() - since < standsStillMsMax) {
    await sleep(clock, lookAgainMs);
    const now = positionNow();
    if (now !== position) since = clock.monotonic();
    position = now;
  }
};

const checkModel = (it: ModelsChecked, projection: Projection): number => {
  const { findings, folder, refold } = it;
  const { name, version } = projection;
  const note = (code: string, detail: string) => {
    findings.add('note', code, name, `read model ${name} ${detail}`);
    return 0;
  };
  const path = servingFile(it, projection);
  if (path === undefined) {
    const found = readPointer(folder, name)?.version;
    return found === undefined
      ? note('model-missing', 'is not there yet: it was not compared')
      : note('model-outdated', `is of version ${found}, not ${version}: it was not compared`);
  }
  try {
    const { position } = placeOfFile(path);
    if (position < refold.position(name))
      return note('model-behind', `shows position ${position} only, and stands still: it was not compared`);
    if (position > refold.head()) {
      const ends = `the log ends at position ${refold.head()}`;
      findings.add('drift', 'model-ahead', name, `read model ${name} shows position ${position}: ${ends}`);
      return 0;
    }
    return compare(it, projection, path);
  } catch (error) {
    // Meanwhile another file may have taken its place, and this one is gone.
    if (servingFile(it, projection) !== path) return checkModel(it, projection);
    const detail = `read model ${name} cannot be compared (${path}): ${textOf(error)}`;
    if (error instanceof FoldError) findings.add('unchecked', 'fold-threw', name, detail);
    else findings.add('drift', 'model-unreadable', name, `${detail}; rebuild it`);
    return 0;
  }
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
