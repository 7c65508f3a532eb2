import type { Logger } from 'pino';
import type { ConsumerGroup } from '../ports/broker.ts';
import type { Clock } from '../ports/clock.ts';
import type { Done } from './tracks.ts';
import type { AssignmentWorker } from './worker.ts';

type Checkpointing = {
  readonly consumer: ConsumerGroup;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly everyMs: number;
  /** Aborted when the assignment is over: nothing is written after it. */
  readonly over: AbortSignal;
  readonly worker: AssignmentWorker;
  /** Makes parked messages durable. */
  readonly flush: () => Promise<void>;
  readonly commit: (offsets: readonly Done[]) => Promise<void>;
  readonly isReady: () => boolean;
};

/**
 * Moves the offsets of an assignment, not too often and one at a time: first what the group keeps, then the rows of
 * messages that are parked, then the offsets as they were before both.
 */
export const checkpointing = (options: Checkpointing) => {
  const { consumer, clock, logger, everyMs, over, worker, isReady } = options;
  const { group } = consumer;
  let cancel: (() => void) | undefined;
  let writing: Promise<void> | undefined;

  const durable = async (): Promise<boolean> => {
    try {
      await consumer.beforeCheckpoint?.();
      return true;
    } catch (error) {
      logger.warn({ group, err: error }, 'checkpoint stays: the group cannot make it durable');
      return false;
    }
  };

  const writeNow = async (): Promise<void> => {
    const done = worker.tracks.done();
    try {
      const kept = done.length > 0 && (await durable());
      await options.flush();
      if (over.aborted) return;
      if (kept) {
        await options.commit(done);
        for (const it of done) worker.tracks.of(it)!.committed = it.offset;
      } else if (done.length > 0) soon();
    } catch (error) {
      if (over.aborted) return;
      logger.error({ group, err: error }, 'checkpoints and parked messages cannot be written; trying again');
      soon();
    }
  };

  /** Resolves when what was done before is written, or could not be; who asks while one is written waits for the next. */
  const write = async (): Promise<void> => {
    while (writing !== undefined) await writing;
    if (over.aborted || !isReady()) return;
    cancel?.();
    cancel = undefined;
    writing = writeNow().finally(() => {
      writing = undefined;
    });
    await writing;
  };

  function soon(): void {
    if (over.aborted) return;
    cancel ??= clock.after(everyMs, () => {
      cancel = undefined;
      void write();
    });
  }

  return { soon, write, end: (): void => cancel?.() };
};
