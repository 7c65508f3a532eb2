import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { OrderId, TimerId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { UnavailableError } from '@recourse/infra/errors';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { EventMessage } from '@recourse/infra/ports/broker';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { TimerStore } from '@recourse/infra/ports/timer-store';
import { timersService } from '@recourse/sagas/timers';
import { pino } from 'pino';
import { type VirtualClock, virtualClock } from '../../virtual-clock.ts';
import type { TimerStores } from './alone.ts';
import { sagaSteps } from './saga-steps.ts';

const logger = pino({ level: 'silent' });
const minute = 60_000;
const partitions = [0, 1, 2, 3];
const partitionOf = (orderId: string) => Number.parseInt(orderId.slice(-1), 16) % partitions.length;

/** A process with timers, and how far it has read each of its partitions. */
type Member = { readonly timers: ReturnType<typeof timersService>; readonly at: Map<number, number> };

/** What several timers processes do that share the partitions of their topic, wherever their store is. */
export const sharedTimersSuite = (
  where: string,
  openStores: (partition: typeof partitionOf) => Promise<TimerStores>,
): void =>
  describe(`timers processes that share the work, their store ${where}`, () => {
    let folder: string;
    let clock: VirtualClock;
    let log: EventLog;
    let stores: TimerStores;
    let opened: Member[];
    /** The topic, and the offsets that are committed. */
    let topic: EventMessage[][];
    let committed: number[];

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'recourse-shared-timers-'));
      clock = virtualClock();
      log = openSqliteLog({ path: join(folder, 'log.db'), clock });
      stores = await openStores(partitionOf);
      opened = [];
      topic = partitions.map(() => []);
      committed = partitions.map(() => 0);
    });
    afterEach(async () => {
      await Promise.all(opened.map(({ timers }) => timers.close()));
      await stores.dispose();
      await log.close();
      await rm(folder, { recursive: true, force: true });
    });

    const member = (store: TimerStore = stores.open(), itsLog: EventLog = log): Member => {
      const made = { timers: timersService({ log: itsLog, clock, store, logger }), at: new Map() };
      opened.push(made);
      return made;
    };
    /** As the broker does: it is told first, and reads on from what is committed. */
    const assign = async ({ timers, at }: Member, mine: readonly number[]) => {
      at.clear();
      await timers.group.onAssigned?.(mine);
      for (const partition of mine) at.set(partition, committed[partition]!);
    };
    const read = async ({ timers, at }: Member) => {
      for (const [partition, from] of at) {
        for (const message of topic[partition]!.slice(from)) await timers.group.handle(message);
        at.set(partition, topic[partition]!.length);
      }
    };
    const checkpoint = async ({ timers, at }: Member, isZombie = false) => {
      const handled = [...at];
      await timers.group.beforeCheckpoint?.();
      if (!isZombie) for (const [partition, offset] of handled) committed[partition] = offset;
    };
    /** The process is gone, without a word. */
    const kill = async ({ timers }: Member) => timers.close();

    const newOrder = () => randomUUID() as OrderId;
    const waiting = new Map<OrderId, TimerId>();
    /** The saga asks again: it cancels the timer that it had, and sets another. */
    const ask = async (order: OrderId, afterMs = 1_000): Promise<TimerId> => {
      const id = randomUUID() as TimerId;
      const before = waiting.get(order);
      const set = [{ id, kind: 'ask' as const, afterMs }];
      const message = await sagaSteps(log).advance(order, { set, cancelled: before ? [before] : [] });
      waiting.set(order, id);
      topic[partitionOf(order)]!.push(message);
      return id;
    };
    const firings = async (order: OrderId) =>
      (await log.readStream(orderStream('saga-input', order))).map(
        ({ data }) => data as { timerId: TimerId; overdue: boolean },
      );
    const orderIn = (partition: number) => `${newOrder().slice(0, -1)}${partition}` as OrderId;

    it('each has the timers of its own partitions', async () => {
      const [one, other] = [member(), member()];
      await assign(one, [0, 1]);
      await assign(other, [2, 3]);
      const orders = partitions.map(orderIn);
      for (const order of orders) await ask(order);
      await read(one);
      await read(other);
      expect([one.timers.counts().pending, other.timers.counts().pending]).toEqual([2, 2]);
      await clock.advance(1_000);
      for (const order of orders) expect(await firings(order)).toMatchObject([{ overdue: false }]);
    });

    it('who takes a partition over goes on with what was pending, for what is left of its time', async () => {
      const [one, other] = [member(), member()];
      await assign(one, partitions);
      const [stored, unread] = [orderIn(1), orderIn(1)];
      await ask(stored);
      await read(one);
      await checkpoint(one);
      await ask(unread);
      await read(one);
      await clock.advance(400);
      await kill(one);
      await assign(other, partitions);
      await read(other);
      await clock.advance(599);
      expect([...(await firings(stored)), ...(await firings(unread))]).toEqual([]);
      await clock.advance(1);
      expect([...(await firings(stored)), ...(await firings(unread))]).toMatchObject([
        { overdue: false },
        { overdue: false },
      ]);
    });

    it('fires what fell due while nobody had it, and says that it is overdue', async () => {
      const [one, other] = [member(), member()];
      await assign(one, partitions);
      const order = orderIn(2);
      await ask(order);
      await read(one);
      await checkpoint(one);
      await kill(one);
      await clock.advance(minute);
      await assign(other, partitions);
      await clock.advance(0);
      expect(await firings(order)).toMatchObject([{ overdue: true }]);
    });

    it('fires no more what has become the timer of another', async () => {
      const one = member();
      await assign(one, partitions);
      const order = orderIn(3);
      await ask(order);
      await read(one);
      await checkpoint(one);
      await assign(one, [0, 1, 2]);
      expect(one.timers.counts().pending).toBe(0);
      await clock.advance(minute);
      expect(await firings(order)).toEqual([]);
    });

    it('gives up as well what it was about to fire', async () => {
      let away = true;
      const append: EventLog['append'] = async (...args) => {
        if (away) throw new UnavailableError('no disk');
        return log.append(...args);
      };
      const one = member(undefined, { ...log, append });
      await assign(one, partitions);
      const order = orderIn(3);
      await ask(order);
      await read(one);
      await checkpoint(one);
      await clock.advance(2_000);
      await assign(one, [0, 1, 2]);
      away = false;
      await clock.advance(minute);
      expect(await firings(order)).toEqual([]);
    });

    it('who was away and does not know that it has lost a partition fires nothing twice, and its store does no harm', async () => {
      const [one, other] = [member(), member()];
      await assign(one, partitions);
      const [order, cancelled] = [orderIn(0), orderIn(0)];
      await ask(order);
      await ask(cancelled);
      await read(one);
      await assign(other, partitions);
      await read(other);
      const last = await ask(cancelled, minute);
      await read(other);
      await checkpoint(other);
      await clock.advance(1_000);
      await checkpoint(one, true);
      await kill(one);
      await assign(other, partitions);
      await clock.advance(minute);
      expect(await firings(order)).toHaveLength(1);
      expect(await firings(cancelled)).toMatchObject([{ timerId: last }]);
      await checkpoint(other);
      expect(await stores.open().load()).toEqual([]);
    });

    it('waits for a store that is away, and for no store where it is assigned anew', async () => {
      const store = stores.open();
      let away = true;
      const absent: TimerStore = {
        ...store,
        load: async (...mine) => {
          if (away) throw new UnavailableError('no network');
          return store.load(...mine);
        },
      };
      const one = member(absent);
      const first = one.timers.group.onAssigned?.([0]);
      const outcome = expect(first).rejects.toBeInstanceOf(UnavailableError);
      await expect(one.timers.group.beforeCheckpoint?.()).rejects.toBeInstanceOf(UnavailableError);
      const order = orderIn(0);
      await ask(order);
      const second = one.timers.group.onAssigned?.(partitions);
      await clock.advance(minute);
      await outcome;
      away = false;
      await clock.advance(5_000);
      await second;
      one.at.set(0, 0);
      await read(one);
      await clock.advance(1_000);
      expect(await firings(order)).toHaveLength(1);
    });

    it.each([1, 2, 3])(
      'fires every timer once, however the partitions move (seed %d; replay: npm test -- sagas/timers.stack -t seed)',
      async (seed) => {
        let state = seed * 7_919;
        const pick = (below: number) => {
          state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
          return Math.floor((state / 2 ** 31) * below);
        };
        let alive = [member(), member()];
        let lost: Member[] = [];
        const orders = Array.from({ length: 12 }, newOrder);
        const rebalance = async () => {
          const owners = partitions.map(() => pick(alive.length));
          for (const [index, one] of alive.entries())
            await assign(
              one,
              partitions.filter((partition) => owners[partition] === index),
            );
        };
        const actions = [
          async () => void (await ask(orders[pick(orders.length)]!, 200 + pick(3_000))),
          async () => read(alive[pick(alive.length)]!),
          async () => checkpoint(alive[pick(alive.length)]!),
          async () => clock.advance(pick(800)),
          rebalance,
          async () => {
            const [gone] = alive.splice(pick(alive.length), 1, member());
            if (pick(2) === 0) await kill(gone!);
            else lost.push(gone!);
            await rebalance();
          },
          async () => {
            for (const zombie of lost) await checkpoint(zombie, true);
          },
        ];
        await rebalance();
        for (let n = 0; n < 150; n += 1) await actions[pick(actions.length)]!();
        for (const zombie of lost) await kill(zombie);
        lost = [];
        alive = alive.slice(0, 1);
        await assign(alive[0]!, partitions);
        await read(alive[0]!);
        await clock.advance(minute);
        for (const order of orders.filter((it) => waiting.has(it))) {
          const ids = (await firings(order)).map(({ timerId }) => timerId);
          expect(ids).toEqual([...new Set(ids)]);
          expect(ids.at(-1)).toBe(waiting.get(order));
        }
        await checkpoint(alive[0]!);
        expect(await stores.open().load()).toEqual([]);
      },
    );
  });
