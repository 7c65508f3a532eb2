import { setImmediate } from 'node:timers/promises';
import type { Topic } from '@recourse/contracts/registry';
import type { EachBatchPayload, KafkaMessage } from 'kafkajs';
import type { Logger } from 'pino';
import { UnknownVersionError } from '../errors.ts';
import type { Message } from '../ports/broker.ts';
import { type Clock, sleep } from '../ports/clock.ts';
import type { Assignment } from './assignment.ts';
import { decode, type Poison } from './codec.ts';
import { holding } from './holding.ts';
import type { PoisonKeeper } from './poison.ts';
import type { Track } from './tracks.ts';

/** What batches are taken with. */
export type BatchOptions = {
  readonly group: string;
  readonly prefix: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly poison: PoisonKeeper;
  /** The assignment that is valid now. */
  readonly current: () => Assignment | undefined;
  /** Resolves when batches are to be let go: the group is about to be left. */
  readonly letGo: Promise<void>;
  readonly seek: (topic: Topic, partition: number, offset: number) => void;
  readonly onTaken: () => void;
  readonly onPoison: () => void;
  readonly onFatal: (error: UnknownVersionError) => void;
};

/** After so many messages others have their turn: handlers begin before a long batch is in. */
const turnMessagesMax = 64;
const poisonRetryMs = 500;
/** What comes while no assignment is valid is let go, and comes again as often as it is asked for: not at once. */
const unwantedPauseMs = 250;

/**
 * Takes batches as the library reads them: decodes each message, hands it to the assignment's worker and moves on. It
 * waits for room, never for a handler; and never rejects but with what a heartbeat rejected with.
 */
export const batchTaker = (options: BatchOptions) => {
  const { group, prefix, clock, logger, poison, current, letGo } = options;

  return async ({ batch, resolveOffset, heartbeat, isRunning }: EachBatchPayload): Promise<void> => {
    const mine = current();
    if (mine === undefined || mine.isOver()) return sleep(clock, unwantedPauseMs);
    const topic = batch.topic.slice(prefix.length) as Topic;
    const isMine = () => mine === current() && !mine.isOver();
    const hold = (until: Promise<unknown>) => holding(clock, Promise.race([until, letGo]), heartbeat);
    if (!mine.isReady()) await hold(mine.ready);
    const track = mine.worker.tracks.of({ topic, partition: batch.partition });
    if (!isMine() || !mine.isReady() || track === undefined) return;
    if (!beginsWhereItShould(track, Number(batch.firstOffset()))) return;

    let taken: string | undefined;
    let turn = 0;
    try {
      for (const raw of batch.messages) {
        if (!(await takeOne(raw, track, mine, isMine, hold))) return;
        taken = raw.offset;
        options.onTaken();
        turn += 1;
        if (turn % turnMessagesMax === 0) await setImmediate();
      }
      mine.worker.passOver(track, Number(batch.lastOffset()));
    } finally {
      // In another assignment the library would skip what it has to read again.
      if (taken !== undefined && isMine() && isRunning()) resolveOffset(taken);
    }
  };

  /**
   * Whether the first batch of a partition begins at its start; the library may still hand over one that it had asked
   * for in the assignment before. Only once: where what lies between is gone, it begins later for good.
   */
  function beginsWhereItShould(track: Track, first: number): boolean {
    const { topic, partition, start, begun } = track;
    track.begun = true;
    if (begun || first <= start) return true;
    logger.debug(
      { group, topic, partition, first, start },
      'a batch begins later than it should: read again',
    );
    options.seek(topic, partition, start);
    return false;
  }

  /** Hands over one message; false where the assignment is over, or the group is being left. */
  async function takeOne(
    raw: KafkaMessage,
    track: Track,
    mine: Assignment,
    isMine: () => boolean,
    hold: (until: Promise<unknown>) => Promise<void>,
  ): Promise<boolean> {
    const { topic, partition } = track;
    const { worker } = mine;
    const spot = { topic, partition, offset: Number(raw.offset), stamp: Number(raw.timestamp) };
    const read = isMine() ? readable(topic, raw) : undefined;
    if (read?.kind === 'poison') {
      const kept = { done: false };
      while (!kept.done && isMine() && !worker.hasLeft()) await hold(keep(raw, track, read, kept));
      if (!kept.done) return false;
      worker.passOver(track, spot.offset);
      return true;
    }
    while (isMine() && read !== undefined && !worker.hasLeft()) {
      if (worker.take(track, read, spot)) return true;
      await hold(worker.hasRoom());
    }
    // It is being left: what is read meanwhile is let go when that is done.
    if (isMine()) await hold(letGo);
    return false;
  }

  function readable(topic: Topic, raw: KafkaMessage): Message | Poison | undefined {
    try {
      return decode(topic, raw);
    } catch (error) {
      if (!(error instanceof UnknownVersionError)) throw error;
      options.onFatal(error);
      return undefined;
    }
  }

  async function keep(raw: KafkaMessage, track: Track, { reason }: Poison, kept: { done: boolean }) {
    try {
      await poison.keep(group, track.topic, track.partition, raw, reason);
      kept.done = true;
      options.onPoison();
    } catch (error) {
      logger.warn({ group, topic: track.topic, err: error }, 'poison cannot be kept; trying again');
      await sleep(clock, poisonRetryMs);
    }
  }
};
