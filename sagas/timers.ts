import type { OrderId } from '@recourse/contracts/ids';
import { UnavailableError } from '@recourse/infra/errors';
import type { ConsumerGroup, EventMessage } from '@recourse/infra/ports/broker';
import type { Clock } from '@recourse/infra/ports/clock';
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

/**
 * The timers process: owns every wait of every saga. It hears what `SagaAdvanced` sets and cancels, counts durations
 * on the monotonic clock, and says `TimerFired` in `saga-input-<orderId>` when one is due, once.
 *
 * Most timers are cancelled within milliseconds: only those that are pending when a checkpoint moves are stored.
 */
export const timersService = (options: TimersOptions) => {
  const { log, clock, store } = options;
  const pending = pendingTimers(clock, store);
  const starting = Promise.withResolvers<void>();
  starting.promise.catch(() => {});
  let headAtStart = Number.POSITIVE_INFINITY;
  let started = false;
  let closed = false;
  let alarmAt = Number.POSITIVE_INFINITY;
  let cancelAlarm = () => {};

  const firing = timerFiring({ ...options, onFired: pending.drop });

  /** Wakes us when the soonest is due; there is never more than one alarm. */
  const arm = () => {
    if (!started || closed) return;
    const next = pending.next();
    if (next === undefined || next.due >= alarmAt) return;
    cancelAlarm();
    const delayMs = Math.min(Math.max(0, Math.ceil(next.due - clock.monotonic())), alarmMsMax);
    alarmAt = next.due;
    cancelAlarm = clock.after(delayMs, wake);
  };

  const wake = () => {
    alarmAt = Number.POSITIVE_INFINITY;
    for (let due = pending.takeDue(); due !== undefined; due = pending.takeDue()) firing.fire(due);
    arm();
  };

  /** Past its time at the start, or still to come: by the clock of the wall, which is all that is left then. */
  const foundAt = (dueAt: number, afterMs: number) => {
    const leftMs = Math.min(dueAt - clock.now(), afterMs);
    return { due: clock.monotonic() + leftMs, overdue: leftMs <= 0 };
  };

  const hear = ({ id, key, position, time, data }: Advanced) => {
    for (const timerId of data.timers.cancelled) pending.cancel(key, timerId);
    for (const { id: timerId, kind, afterMs } of data.timers.set) {
      const live = position > headAtStart;
      const when = live
        ? { due: clock.monotonic() + afterMs, overdue: false }
        : foundAt(time + afterMs, afterMs);
      const what = { id: timerId, orderId: key, kind, afterMs, causation: id, position };
      pending.add({ ...what, ...when, state: 'set', stored: false });
    }
    if (data.state.status === 'done') pending.cancelAll(key);
    arm();
  };

  const group: ConsumerGroup = {
    group: 'timers',
    topics: ['saga.events'],
    handle: async (message) => {
      if (!started) await starting.promise;
      if (message.type !== 'SagaAdvanced') return;
      refuseNewer(message.data.machine.version);
      hear(message);
    },
    beforeCheckpoint: async () => {
      // Half of what was pending must not look like all of it.
      if (!started) throw new UnavailableError('the timers have not been taken up yet');
      pending.save();
    },
  };

  /** A store that never was written, beside a log: every timer that the log set and did not cancel is pending. */
  const rebuild = async () => {
    for (let after = 0; after < headAtStart; ) {
      const records = await log.readAll(after, rebuildBatchMax);
      if (records.length === 0) return;
      for (const record of records) if (record.type === 'SagaAdvanced') hear(advancedOf(record));
      after = records.at(-1)!.position;
    }
  };

  return {
    group,
    /** Takes up the timers that were pending; handling and firing begin when it resolves. Rejects as the log does. */
    start: async (): Promise<void> => {
      try {
        headAtStart = await log.head();
        for (const { timerId, dueAt, ...timer } of store.load()) {
          pending.add({
            ...timer,
            id: timerId,
            ...foundAt(dueAt, timer.afterMs),
            state: 'set',
            stored: true,
          });
        }
        if (store.isNew() && headAtStart > 0) await rebuild();
      } catch (error) {
        starting.reject(error);
        throw error;
      }
      started = true;
      starting.resolve();
      arm();
    },
    /** Fires nothing more, and waits for what is being fired. Handling and checkpoints go on until the group leaves. */
    close: async (): Promise<void> => {
      closed = true;
      cancelAlarm();
      await firing.close();
    },
    /** How many timers are pending, how many entries the heap has for them, and how many of them are not stored. */
    counts: pending.counts,
  };
};

type Advanced = Pick<EventMessage<'SagaAdvanced'>, 'id' | 'key' | 'position' | 'time' | 'data'>;

const advancedOf = (record: RecordedEvent<'SagaAdvanced'>): Advanced => ({
  ...record,
  key: record.correlation as OrderId,
});
