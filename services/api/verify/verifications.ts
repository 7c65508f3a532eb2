import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { formatPosition, rfc3339 } from '@recourse/contracts/http';
import type { Verification } from '@recourse/contracts/http-verification';
import { headToVerify } from '@recourse/infra/log/verify';
import { findingList, textOf } from '@recourse/infra/log/verify-findings';
import { isDamage } from '@recourse/infra/log/verify-rows';
import type { Clock } from '@recourse/infra/ports/clock';
import { bytesFree, bytesNeeded } from '@recourse/infra/project/room';
import type { Logger } from 'pino';
import { ProblemError } from '../problem.ts';
import type { CheckResult, VerifySetup } from './protocol.ts';
import { shownChecks, verdictOf } from './report.ts';
import { type Running, runVerification } from './run.ts';

/** Verifications of one data folder: one at a time, the last few reports kept. */
export type Verifications = {
  /**
   * Begins one; `undefined` where one is running. Throws a `ProblemError` where the disk has no room for it, and
   * whatever keeps the log from being opened for now.
   */
  start(verificationId: string): Verification | undefined;
  find(verificationId: string): Verification | undefined;
  /** Ends what runs. */
  close(): Promise<void>;
};

/** How verifications are opened. */
export type VerificationsOptions = {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger?: Logger;
};

/** Reports that are kept in memory. */
const keptMax = 8;

/** Names of folders in which a verification folds the log; one that a crash has left goes at the next start. */
const scratchPrefix = 'verification-';

/** Opens the verifications of a data folder; nothing is looked at yet. */
export const openVerifications = ({ dataDir, clock, logger }: VerificationsOptions): Verifications => {
  const logPath = join(dataDir, 'log.db');
  const kept = new Map<string, () => Verification>();
  let running: Running | undefined;
  for (const name of readdirSync(dataDir))
    if (name.startsWith(scratchPrefix)) rmSync(join(dataDir, name), { recursive: true, force: true });

  const keep = (id: string, shown: () => Verification): Verification => {
    kept.set(id, shown);
    for (const old of [...kept.keys()].slice(0, -keptMax)) kept.delete(old);
    return shown();
  };

  /** The report on a log of which nothing at all can be read. */
  const unreadable = (verificationId: string, error: unknown): Verification => {
    const list = findingList();
    list.add('damage', 'file-unreadable', 'log.db', `${logPath} cannot be read: ${textOf(error)}`);
    const log: CheckResult = { name: 'log', looked: {}, counts: list.counts(), findings: list.listed() };
    const at = rfc3339(clock.now());
    return {
      ...{ verificationId, state: 'done', startedAt: at, endedAt: at, head: formatPosition(0) },
      progress: { events: 0, total: 0, eventsPerSecond: 0, secondsLeft: 0 },
      ...{ verdict: verdictOf([log]), checks: shownChecks([log]), error: null },
    };
  };

  /** What is folded anew takes as much room as the read models do. */
  const refuseWithoutRoom = () => {
    const models = join(dataDir, 'read-models');
    const files = existsSync(models) ? readdirSync(models) : [];
    const bytes = files.reduce(
      (sum, file) => sum + (statSync(join(models, file), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
    const [free, needed] = [bytesFree(dataDir), bytesNeeded(bytes)];
    if (free < needed)
      throw new ProblemError(
        'no-space',
        `Folding the log anew takes up to ${needed} bytes in ${dataDir}, and ${free} are free: make room.`,
      );
  };

  const begin = (verificationId: string, head: number): Verification => {
    refuseWithoutRoom();
    const scratch = join(dataDir, `${scratchPrefix}${verificationId}`);
    mkdirSync(scratch, { recursive: true });
    const setup: VerifySetup = {
      dataDir,
      logPath,
      head,
      models: join(dataDir, 'read-models'),
      scratch,
      books: {
        gateway: join(dataDir, 'simulated', 'gateway.db'),
        carrier: join(dataDir, 'simulated', 'carrier.db'),
      },
    };
    const started = runVerification(verificationId, setup, clock);
    running = started;
    started.ended.then(() => {
      running = undefined;
      rmSync(scratch, { recursive: true, force: true });
      const { verdict, error, progress } = started.shown();
      logger?.info({ verificationId, verdict, error, ...progress }, 'a verification has ended');
    });
    return keep(verificationId, started.shown);
  };

  return {
    start: (verificationId) => {
      if (running !== undefined) return undefined;
      let head: number;
      try {
        head = headToVerify(logPath);
      } catch (error) {
        if (!isDamage(error) && (error as { code?: string }).code !== 'log-foreign') throw error;
        const report = unreadable(verificationId, error);
        return keep(verificationId, () => report);
      }
      return begin(verificationId, head);
    },
    find: (verificationId) => kept.get(verificationId)?.(),
    close: async () => {
      running?.stop();
      await running?.ended;
    },
  };
};
