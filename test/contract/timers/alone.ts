import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { TimerSet } from '@recourse/contracts/events';
import type { EventId, OrderId, TimerId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { messagesOf } from '@recourse/infra/broker/messages';
import { ConflictError, UnavailableError } from '@recourse/infra/errors';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { TimerStore } from '@recourse/infra/ports/timer-store';
import { timersService } from '@recourse/sagas/timers';
import { pino } from 'pino';
import { type VirtualClock, virtualClock } from '../../virtual-clock.ts';
import { type Step, sagaSteps } from './saga-steps.ts';

const logger = pino({ level: 'silent' });
const newOrder = () => randomUUID() as OrderId;
const newTimer = () => randomUUID() as TimerId;
const minute = 60_000;

/** Where timers are kept while a test runs. */
export type TimerStores = {
  /** An empty store. */
  open(): TimerStore;
  /** Whether one that was never written is filled from the log. */
  readonly filledFromLog: boolean;
  dispose(): Promise<void>;
};

/** What the timers process does that has all partitions for ever, wherever its store is. */
export const timersSuite = (where: string, openStores: () => Promise<TimerStores>): void =>
  describe(`the timers process, its store ${where}`, () => {
    let folder: string;
    let clock: VirtualClock;
    let log: EventLog;
    let stores: TimerStores;
    let store: TimerStore;
    let timers: ReturnType<typeof timersService>;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'recourse-timers-'));
      clock = virtualClock();
      log = openSqliteLog({ path: join(folder, 'log.db'), clock });
      stores = await openStores();
      store = stores.open();
    });
    afterEach(async () => {
      await timers.close();
      await store.close();
      await stores.dispose();
      await log.close();
      await rm(folder, { recursive: true, force: true });
    });

    const start = async (wrapped: EventLog = log) => {
      timers = timersService({ log: wrapped, clock, store, logger });
      await timers.start();
    };
    /** As after `kill -9`: what was not stored is forgotten, and what was read since the checkpoint is read again. */
    const restart = async (...readAgain: (() => Promise<void>)[]) => {
      await timers.close();
      await start();
      for (const read of readAgain) await read();
    };

    /** Appends a saga's next step; resolves with the function that lets the timers process read it. */
    const record = async (order: OrderId, what: Step) => {
      const message = await sagaSteps(log).advance(order, what);
      return Object.assign(() => timers.group.handle(message), { id: message.id });
    };
    const step = async (order: OrderId, what: Step) => {
      const read = await record(order, what);
      await read();
      return read;
    };
    const ask = (id: TimerId, afterMs: number): TimerSet => ({ id, kind: 'ask', afterMs });
    const fired = async (order: OrderId) =>
      (await log.readStream(orderStream('saga-input', order))).map(({ id, causation, data }) => ({
        id,
        causation,
        data,
      }));
    const firedIds = async (order: OrderId) =>
      (await fired(order)).map(({ data }) => (data as { timerId: TimerId }).timerId);

    it('fires a timer when its time has come, not before, with the step that set it as its cause', async () => {
      await start();
      const [order, timer] = [newOrder(), newTimer()];
      const { id } = await step(order, { set: [ask(timer, 1_000)] });
      await clock.advance(999);
      expect(await fired(order)).toEqual([]);
      await clock.advance(1);
      expect(await fired(order)).toMatchObject([{ causation: id, data: { timerId: timer, overdue: false } }]);
      expect(timers.counts()).toMatchObject({ pending: 0, heap: 0 });
    });

    it('fires timers in the order of their times, whatever the order in which they were set', async () => {
      await start();
      const delays = [500, 100, 400, 200, 300];
      const set = await Promise.all(
        delays.map(async (afterMs) => {
          const [order, timer] = [newOrder(), newTimer()];
          await step(order, { set: [ask(timer, afterMs)] });
          return { timer, afterMs };
        }),
      );
      await clock.advance(1_000);
      const inputs = (await log.readAll(0, 100)).filter(({ type }) => type === 'TimerFired');
      expect(inputs.map(({ data }) => (data as { timerId: TimerId }).timerId)).toEqual(
        set.toSorted((one, other) => one.afterMs - other.afterMs).map(({ timer }) => timer),
      );
    });

    it('has one alarm at a time, however many timers are set', async () => {
      await start();
      for (let count = 0; count < 50; count += 1)
        await step(newOrder(), { set: [ask(newTimer(), 1_000 - count)] });
      expect(clock.pending()).toBe(1);
    });

    it('does not fire what was cancelled', async () => {
      await start();
      const [order, timer] = [newOrder(), newTimer()];
      await step(order, { set: [ask(timer, 1_000)] });
      await step(order, { cancelled: [timer] });
      await clock.advance(minute);
      expect(await fired(order)).toEqual([]);
    });

    it('cancels all timers of a saga that has ended', async () => {
      await start();
      const order = newOrder();
      await step(order, {
        set: [ask(newTimer(), 1_000), { id: newTimer(), kind: 'deadline', afterMs: minute }],
      });
      await step(order, { done: true });
      expect(timers.counts().pending).toBe(0);
      await clock.advance(2 * minute);
      expect(await fired(order)).toEqual([]);
    });

    it('does not fire what the saga no longer waits for, though the cancelling has not been read yet', async () => {
      await start();
      const [order, timer] = [newOrder(), newTimer()];
      await step(order, { set: [ask(timer, 1_000)] });
      await record(order, { cancelled: [timer] });
      await clock.advance(minute);
      expect(await fired(order)).toEqual([]);
    });

    it('counts durations, not the clock of the wall: a jump of it changes nothing', async () => {
      await start();
      const [order, timer] = [newOrder(), newTimer()];
      await step(order, { set: [ask(timer, 1_000)] });
      clock.jump(3_600_000);
      await clock.advance(500);
      expect(await fired(order)).toEqual([]);
      clock.jump(-7_200_000);
      await clock.advance(500);
      expect(await firedIds(order)).toEqual([timer]);
    });

    describe('after a restart', () => {
      it('goes on with what was pending, for what is left of its time', async () => {
        await start();
        const [order, timer] = [newOrder(), newTimer()];
        await step(order, { set: [ask(timer, 1_000)] });
        await timers.group.beforeCheckpoint?.();
        await clock.advance(400);
        await restart();
        await clock.advance(599);
        expect(await fired(order)).toEqual([]);
        await clock.advance(1);
        expect(await fired(order)).toMatchObject([{ data: { timerId: timer, overdue: false } }]);
      });

      it('fires what is long past its time at once, and says that it is overdue', async () => {
        await start();
        const [stored, unread] = [newOrder(), newOrder()];
        const [one, other] = [newTimer(), newTimer()];
        const { id } = await step(stored, { set: [ask(one, 1_000)] });
        await timers.group.beforeCheckpoint?.();
        await timers.close();
        const read = await record(unread, { set: [ask(other, 1_000)] });
        await clock.advance(60 * minute);
        await restart(read);
        await clock.advance(0);
        expect(await fired(stored)).toMatchObject([{ causation: id, data: { timerId: one, overdue: true } }]);
        expect(await fired(unread)).toMatchObject([{ data: { timerId: other, overdue: true } }]);
      });

      it('counts a step that it reads late from the time of its record', async () => {
        await start();
        await timers.close();
        const [order, timer] = [newOrder(), newTimer()];
        const read = await record(order, { set: [ask(timer, 1_000)] });
        await clock.advance(700);
        await restart(read);
        await clock.advance(299);
        expect(await fired(order)).toEqual([]);
        await clock.advance(1);
        expect(await fired(order)).toMatchObject([{ data: { overdue: false } }]);
      });

      it('never waits longer than a timer was set for, though the clock of the wall went back', async () => {
        await start();
        const [order, timer] = [newOrder(), newTimer()];
        await step(order, { set: [ask(timer, 1_000)] });
        await timers.group.beforeCheckpoint?.();
        clock.jump(-60 * minute);
        await restart();
        await clock.advance(1_000);
        expect(await firedIds(order)).toEqual([timer]);
      });

      it('does not fire again what had fired, whether its setting or its store is met again', async () => {
        await start();
        const [order, timer] = [newOrder(), newTimer()];
        const read = await step(order, { set: [ask(timer, 1_000)] });
        await timers.group.beforeCheckpoint?.();
        await clock.advance(1_000);
        expect(await firedIds(order)).toEqual([timer]);
        await restart(read);
        await clock.advance(minute);
        expect(await firedIds(order)).toEqual([timer]);
        expect(timers.counts().pending).toBe(0);
      });

      it("finds a firing that stands far back among a saga's inputs", async () => {
        await start();
        const [order, first] = [newOrder(), newTimer()];
        await step(order, { set: [ask(first, 1_000)] });
        await timers.group.beforeCheckpoint?.();
        await clock.advance(1_000);
        for (let revision = 0; revision < 40; revision += 1) {
          const retry = { type: 'RetryRequested' as const, data: {}, correlation: order, causation: order };
          await log.append(orderStream('saga-input', order), revision, [
            { ...retry, id: randomUUID() as EventId },
          ]);
        }
        await restart();
        await clock.advance(minute);
        expect((await log.readStream(orderStream('saga-input', order))).length).toBe(41);
      });

      it('sets the timers anew from the log where their store is lost', async () => {
        if (!stores.filledFromLog) return start();
        await start();
        const [order, timer, over] = [newOrder(), newTimer(), newOrder()];
        await step(order, { set: [ask(timer, 1_000)] });
        await step(over, { set: [ask(newTimer(), 1_000)] });
        await step(over, { done: true });
        await timers.group.beforeCheckpoint?.();
        await timers.close();
        await store.close();
        store = stores.open();
        await start();
        expect(timers.counts().pending).toBe(1);
        await clock.advance(1_000);
        expect(await firedIds(order)).toEqual([timer]);
      });
    });

    describe('when the log cannot take it', () => {
      it('keeps a timer that is due, and fires it once when the log is back', async () => {
        let away = true;
        const append: EventLog['append'] = async (...args) => {
          if (away) throw new UnavailableError('no disk');
          return log.append(...args);
        };
        await start({ ...log, append });
        const [order, timer] = [newOrder(), newTimer()];
        await step(order, { set: [ask(timer, 1_000)] });
        await clock.advance(minute);
        expect(timers.counts().pending).toBe(1);
        away = false;
        await clock.advance(5_000);
        expect(await firedIds(order)).toEqual([timer]);
        expect(timers.counts().pending).toBe(0);
      });

      it('fires once where the outcome of an append was not known', async () => {
        let lost = true;
        const append: EventLog['append'] = async (...args) => {
          const appended = await log.append(...args);
          if (lost) throw new UnavailableError('answer lost');
          return appended;
        };
        await start({ ...log, append });
        const [order, timer] = [newOrder(), newTimer()];
        await step(order, { set: [ask(timer, 1_000)] });
        await clock.advance(2_000);
        lost = false;
        await clock.advance(5_000);
        expect(await firedIds(order)).toEqual([timer]);
      });

      it("reads again after a conflict with somebody else who writes to the saga's inputs", async () => {
        let conflicts = 3;
        const append: EventLog['append'] = async (stream, expected, events) => {
          if (conflicts-- > 0) throw new ConflictError(stream, expected, expected + 1);
          return log.append(stream, expected, events);
        };
        await start({ ...log, append });
        const [order, timer] = [newOrder(), newTimer()];
        await step(order, { set: [ask(timer, 1_000)] });
        await clock.advance(1_000);
        expect(await firedIds(order)).toEqual([timer]);
      });

      it('fires no more than so many at once', async () => {
        let now = 0;
        let most = 0;
        const append: EventLog['append'] = async (...args) => {
          now += 1;
          most = Math.max(most, now);
          const appended = await log.append(...args);
          now -= 1;
          return appended;
        };
        timers = timersService({ log: { ...log, append }, clock, store, logger, firingMax: 8 });
        await timers.start();
        for (let count = 0; count < 50; count += 1) await step(newOrder(), { set: [ask(newTimer(), 1_000)] });
        await clock.advance(1_000);
        for (let turns = 0; turns < 100 && timers.counts().pending > 0; turns += 1) await clock.advance(0);
        expect(timers.counts().pending).toBe(0);
        expect(most).toBe(8);
      });
    });

    it('writes to its store only what is pending when a checkpoint moves', async () => {
      await start();
      const [order, first, second] = [newOrder(), newTimer(), newTimer()];
      await step(order, { set: [ask(first, 1_000)] });
      await step(order, { cancelled: [first], set: [ask(second, 1_000)] });
      expect(await store.load()).toEqual([]);
      await timers.group.beforeCheckpoint?.();
      expect((await store.load()).map(({ timerId }) => timerId)).toEqual([second]);
      await step(order, { done: true });
      await timers.group.beforeCheckpoint?.();
      expect(await store.load()).toEqual([]);
    });

    it('saves nothing before it has taken up what was pending', async () => {
      timers = timersService({ log, clock, store, logger });
      await expect(timers.group.beforeCheckpoint?.()).rejects.toBeInstanceOf(UnavailableError);
      expect(await store.load()).toEqual([]);
      expect(store.isNew()).toBe(stores.filledFromLog);
    });

    it('keeps its memory bounded while timers are set and cancelled without end', async () => {
      await start();
      const order = newOrder();
      // One that stays, and is the soonest: so the cancelled ones do not come up by themselves.
      await step(order, { set: [ask(newTimer(), minute / 2)] });
      const [stored] = await log.readStream(orderStream('saga', order));
      const [message] = messagesOf(stored!, new Set(['saga.events' as const]));
      let before: TimerId | undefined;
      for (let count = 0; count < 20_000; count += 1) {
        const timer = newTimer();
        const data = {
          ...(message!.data as object),
          timers: { set: [ask(timer, minute)], cancelled: before ? [before] : [] },
        };
        await timers.group.handle({ ...message!, data } as typeof message & {});
        before = timer;
      }
      expect(timers.counts()).toMatchObject({ pending: 2, unstored: 2 });
      expect(timers.counts().heap).toBeLessThan(2_100);
      expect(clock.pending()).toBe(1);
    });
  });
