import type { OrderId } from '@recourse/contracts/ids';
import { UnavailableError } from '@recourse/infra/errors';
import type { ConsumerGroup, EventMessage } from '@recourse/infra/ports/broker';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import type { TimerStore } from '@recourse/infra/ports/timer-store';
import type { Logger } from 'pino';
import { refuseNewer } from './machines.ts';
import { pendingTimers } from './pending-timers.ts';
import { timerFiring } from './timer-firing.ts';

/** What the timers process needs. */
export type TimersOptions = {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly store: TimerStore;
  readonly logger: Logger;
  /** How many timers are fired at once; others that are due wait. */
  readonly firingMax?: number;
};

/** The longest time for which the clock is asked to wake us: longer ones overflow a system's timers. */
const alarmMsMax = 3_600_000;

/** How many records are read at once when the timers are set anew from the log. */
const rebuildBatchMax = 1_000;

/** The wait after a failure to take up what is ours, and the longest. */
const takeUpRetryMsMin = 100;
const takeUpRetryMsMax = 5_000;

/**
 * The timers process: owns every wait of every saga. It hears what `SagaAdvanced` sets and cancels, counts durations
 * on the monotonic clock, and says `TimerFired` in `saga-input-<orderId>` when one is due, once.
 *
 * Most timers are cancelled within milliseconds: only those that are pending when a checkpoint moves are stored.
 *
 * Several of them may share the work: each has the orders of its partitions, and takes up what the store holds for
 * them whenever they are assigned anew. One that was away and does not know yet that they are another's may fire a
 * timer of theirs: it still stands in the log once.
 */
export const timersService = (options: TimersOptions) => {
  const { log, clock, store, logger } = options;
  const closing = new AbortController();
  let mine = newShare(clock, store);
  let alarmAt = Number.POSITIVE_INFINITY;
  let cancelAlarm = () => {};

  const firing = timerFiring({ ...options, onFired: (timer) => mine.pending.drop(timer) });

  /** Wakes us when the soonest is due; there is never more than one alarm. */
  const arm = () => {
    if (!mine.started || closing.signal.aborted) return;
    const next = mine.pending.next();
    if (next === undefined || next.due >= alarmAt) return;
    cancelAlarm();
    const delayMs = Math.min(Math.max(0, Math.ceil(next.due - clock.monotonic())), alarmMsMax);
    alarmAt = next.due;
    cancelAlarm = clock.after(delayMs, wake);
  };

  const wake = () => {
    alarmAt = Number.POSITIVE_INFINITY;
    const { pending } = mine;
    for (let due = pending.takeDue(); due !== undefined; due = pending.takeDue()) firing.fire(due);
    arm();
  };

  /**
   * Past its time when it is found, or still to come: by the clock of the wall, which is all that is left then. Where
   * that is not the clock by which it was set, it fires too early or, within its time from now on, too late.
   */
  const foundAt = (dueAt: number, afterMs: number) => {
    const leftMs = Math.min(dueAt - clock.now(), afterMs);
    return { due: clock.monotonic() + leftMs, overdue: leftMs <= 0 };
  };

  const hear = ({ pending, head }: Share, { id, key, position, time, data }: Advanced) => {
    for (const timerId of data.timers.cancelled) pending.cancel(key, timerId);
    for (const { id: timerId, kind, afterMs } of data.timers.set) {
      const live = position > head;
      const when = live
        ? { due: clock.monotonic() + afterMs, overdue: false }
        : foundAt(time + afterMs, afterMs);
      const what = { id: timerId, orderId: key, kind, afterMs, causation: id, position };
      pending.add({ ...what, ...when, state: 'set', stored: false });
    }
    if (data.state.status === 'done') pending.cancelAll(key);
    arm();
  };

  /** A store that never was written, beside a log: every timer that the log set and did not cancel is pending. */
  const rebuild = async (share: Share) => {
    for (let after = 0; after < share.head; ) {
      const records = await log.readAll(after, rebuildBatchMax);
      if (records.length === 0) return;
      for (const record of records) if (record.type === 'SagaAdvanced') hear(share, advancedOf(record));
      after = records.at(-1)!.position;
    }
  };

  /** Takes up what is pending of these partitions, or of all. Handling and firing begin then. */
  const takeUp = async (share: Share, partitions?: readonly number[]): Promise<void> => {
    share.head = await log.head();
    const loaded = await store.load(partitions);
    for (const { timerId, dueAt, ...timer } of loaded) {
      const when = foundAt(dueAt, timer.afterMs);
      share.pending.add({ ...timer, id: timerId, ...when, state: 'set', stored: true });
    }
    if (store.isNew() && share.head > 0) await rebuild(share);
    share.started = true;
    share.starting.resolve();
    arm();
  };

  /** Without an end: a store or a log that is away holds up these partitions, and nothing else. */
  const untilTakenUp = async (share: Share, partitions: readonly number[]): Promise<void> => {
    for (let delayMs = takeUpRetryMsMin; ; delayMs = Math.min(2 * delayMs, takeUpRetryMsMax)) {
      if (share !== mine || closing.signal.aborted) throw assignedAnew();
      try {
        return await takeUp(share, partitions);
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        logger.warn({ partitions, err: error }, 'timers cannot be taken up yet; trying again');
        await sleep(clock, delayMs, closing.signal);
      }
    }
  };

  const group: ConsumerGroup = {
    group: 'timers',
    topics: ['saga.events'],
    handle: async (message) => {
      const share = mine;
      if (!share.started) await share.starting.promise;
      if (message.type !== 'SagaAdvanced') return;
      refuseNewer(message.data.machine.version);
      if (share !== mine) throw assignedAnew();
      hear(share, message);
    },
    onAssigned: async (partitions) => {
      mine.pending.giveUp();
      mine.starting.reject(assignedAnew());
      mine = newShare(clock, store);
      await untilTakenUp(mine, partitions);
    },
    beforeCheckpoint: async () => {
      // Half of what was pending must not look like all of it.
      if (!mine.started) throw new UnavailableError('the timers have not been taken up yet');
      await mine.pending.save();
    },
  };

  return {
    group,
    /**
     * Takes up the timers that were pending; handling and firing begin when it resolves. Rejects as the log does. For
     * the one that has all partitions for ever: where partitions are assigned, that is what begins it.
     */
    start: async (): Promise<void> => {
      try {
        await takeUp(mine);
      } catch (error) {
        mine.starting.reject(error);
        throw error;
      }
    },
    /** Fires nothing more, and waits for what is being fired. Handling and checkpoints go on until the group leaves. */
    close: async (): Promise<void> => {
      closing.abort();
      cancelAlarm();
      await firing.close();
    },
    /** How many timers are pending, how many entries the heap has for them, and how many of them are not stored. */
    counts: () => mine.pending.counts(),
  };
};

const assignedAnew = () =>
  new UnavailableError('the partitions have been assigned anew, or are being given up');

/** What is known within one assignment of partitions: others may have gone on with whatever was known before. */
type Share = {
  readonly pending: ReturnType<typeof pendingTimers>;
  readonly starting: PromiseWithResolvers<void>;
  started: boolean;
  /** The log's head when it was taken up: what stands behind it is heard as it happens. */
  head: number;
};

const newShare = (clock: Clock, store: TimerStore): Share => {
  const starting = Promise.withResolvers<void>();
  starting.promise.catch(() => {});
  return { pending: pendingTimers(clock, store), starting, started: false, head: Number.POSITIVE_INFINITY };
};

type Advanced = Pick<EventMessage<'SagaAdvanced'>, 'id' | 'key' | 'position' | 'time' | 'data'>;

const advancedOf = (record: RecordedEvent<'SagaAdvanced'>): Advanced => ({
  ...record,
  key: record.correlation as OrderId,
});
