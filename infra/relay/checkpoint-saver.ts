import type { Logger } from 'pino';
import type { Clock } from '../ports/clock.ts';
import { LeaseLostError } from '../postgres/leases.ts';
import type { RelayCheckpoints } from './checkpoints.ts';
import type { Shard } from './shard.ts';

const checkpointEveryMs = 500;

type Saving = {
  readonly checkpoints: Pick<RelayCheckpoints, 'save'>;
  readonly held: ReadonlyMap<number, Shard>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** It turned out that the lease of a shard is not ours. */
  readonly onLost: (shard: Shard) => void;
};

/** Writes checkpoints that have moved, now and then, one transaction at a time. */
export const checkpointSaver = ({ checkpoints, held, clock, logger, onLost }: Saving) => {
  let cancel: (() => void) | undefined;
  let saving: Promise<void> = Promise.resolve();
  let queued: Promise<void> | undefined;
  let problem: string | undefined;

  const save = async () => {
    const moved = [...held.values()].filter((it) => !it.isLost() && it.ackedTo > it.savedTo);
    if (moved.length === 0) {
      problem = undefined;
      return;
    }
    const rows = moved.map(({ index, lease, ackedTo }) => ({ shard: index, lease, position: ackedTo }));
    try {
      await checkpoints.save(rows);
      for (const [i, shard] of moved.entries()) shard.savedTo = rows[i]!.position;
      problem = undefined;
    } catch (error) {
      if (error instanceof LeaseLostError) {
        for (const shard of moved) {
          if (!error.leases.includes(shard.lease.name)) continue;
          shard.lose();
          onLost(shard);
        }
        return save();
      }
      problem = `the relay cannot write its checkpoints: ${error instanceof Error ? error.message : error}`;
      logger.warn({ err: error }, problem);
      later();
    }
  };

  /** One that begins after this call; several calls share it. */
  const saveSoon = (): Promise<void> => {
    queued ??= saving.then(() => {
      queued = undefined;
      saving = save();
      return saving;
    });
    return queued;
  };

  const later = () => {
    cancel ??= clock.after(checkpointEveryMs, () => {
      cancel = undefined;
      void saveSoon();
    });
  };

  return {
    save: saveSoon,
    /** Something may have moved. */
    moved: later,
    problems: (): readonly string[] => (problem === undefined ? [] : [problem]),
    close: () => cancel?.(),
  };
};
