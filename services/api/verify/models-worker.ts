import { parentPort, workerData } from 'node:worker_threads';
import { UnknownVersionError } from '@recourse/infra/errors';
import { verifyStructure } from '@recourse/infra/log/verify';
import { findingList, textOf } from '@recourse/infra/log/verify-findings';
import type { Projection } from '@recourse/infra/project/projection';
import { FoldError } from '@recourse/infra/project/replay';
import { foregroundClock } from '@recourse/infra/system';
import { projections } from '../projections/all.ts';
import { checkBeyond } from './beyond.ts';
import { checkLedger } from './ledger.ts';
import { checkModels } from './models.ts';
import type { CheckResult, FromVerifier, VerifySetup } from './protocol.ts';
import { type Refold, refoldInto } from './refold.ts';

/**
 * The thread that folds the log anew, and compares the read models and the books with what comes of it. It has more
 * time than the other one, so SQLite's own look at the log is here, too.
 */
const run = async (): Promise<readonly CheckResult[]> => {
  const { dataDir, logPath, models: folder, scratch, books, head } = workerData as VerifySetup;
  const found = { log: findingList(), models: findingList(), ledger: findingList() };
  let models = 0;
  let rows = 0;
  let looked: Record<string, number> = {};

  /** Folds all that can be folded: one whose fold throws is left out. */
  const refoldAll = (folded: readonly Projection[]): Refold | undefined => {
    try {
      return refoldInto(`${scratch}/${folded.length}`, folded, logPath, head, (position) =>
        say({ kind: 'progress', position }),
      );
    } catch (error) {
      if (error instanceof FoldError) {
        found.models.add(
          'unchecked',
          'fold-threw',
          error.projection,
          `${error.message}: it was not compared`,
        );
        return refoldAll(folded.filter(({ name }) => name !== error.projection));
      }
      if (isFull(error))
        throw new Error(`the disk has no room to fold the log in ${scratch}`, { cause: error });
      const code = error instanceof UnknownVersionError ? 'unknown-version' : 'log-unreadable';
      const why = `the log cannot be folded: ${textOf(error)}`;
      for (const list of [found.models, found.ledger]) list.add('unchecked', code, 'log.db', why);
      return undefined;
    }
  };

  verifyStructure(logPath, found.log);
  checkBeyond(dataDir, logPath, found.log);
  const refold = refoldAll(projections);
  if (refold !== undefined) {
    models = refold.projections.length;
    const checked = { folder, refold, clock: foregroundClock, findings: found.models };
    rows = await checkModels(checked);
    looked = checkLedger(refold, books, found.ledger);
    refold.close();
  }
  return [
    { name: 'log', looked: {}, counts: found.log.counts(), findings: found.log.listed() },
    {
      name: 'models',
      looked: { models, rows },
      counts: found.models.counts(),
      findings: found.models.listed(),
    },
    { name: 'ledger', looked, counts: found.ledger.counts(), findings: found.ledger.listed() },
  ];
};

/** SQLite's code for a disk without room (https://sqlite.org/rescode.html#full). */
const isFull = (error: unknown): boolean => (error as { readonly errcode?: number }).errcode === 13;

const say = (message: FromVerifier) => parentPort!.postMessage(message);

say({ kind: 'done', checks: await run() });
