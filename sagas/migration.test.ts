import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DomainEvent } from '@recourse/contracts/events';
import type { OrderId } from '@recourse/contracts/ids';
import { registered, type Topic } from '@recourse/contracts/registry';
import { type OrderCategory, orderStream } from '@recourse/contracts/streams';
import { messagesOf } from '@recourse/infra/broker/messages';
import { stamp, uuidV5 } from '@recourse/infra/event-id';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { EventMessage } from '@recourse/infra/ports/broker';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { openTimerStore } from '@recourse/infra/timer-store';
import { pino } from 'pino';
import { gate, tampered } from '../test/participant-kit.ts';
import { type VirtualClock, virtualClock } from '../test/virtual-clock.ts';
import { readSagaHistory } from './history.ts';
import { orchestrator } from './orchestrator.ts';
import { requestMigration } from './request-migration.ts';
import { rerun } from './rerun.ts';
import { facts } from './testing/ways.ts';
import { timersService } from './timers.ts';

const times = { askDelaysMs: [1_000, 2_000, 5_000, 10_000, 20_000], deadlineMs: 300_000 };
const orderId = '0192f0a0-0000-7000-8000-000000000001' as OrderId;

let folder: string;
let clock: VirtualClock;
let log: EventLog;
let causes = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recourse-migration-'));
  clock = virtualClock();
  log = openSqliteLog({ path: join(folder, 'log.db'), clock });
});
afterEach(async () => {
  const history = (await readSagaHistory(log, orderId))!;
  expect(rerun(history.heard, history.facts)).toBeUndefined();
  await log.close();
  await rm(folder, { recursive: true });
});

/** Appends events to one of the order's streams, as its owner would, and gives the messages that carry them. */
const append = async (category: OrderCategory, ...events: DomainEvent[]): Promise<EventMessage[]> => {
  causes += 1;
  const stream = orderStream(category, orderId);
  const before = await log.headOf(stream);
  await log.append(stream, before, stamp(events, orderId, uuidV5(orderId, `cause ${causes}`)));
  return (await log.readStream(stream, { from: before + 1 })).map(message);
};
const message = (record: RecordedEvent) =>
  ({ ...record, kind: 'event', topic: registered(record.type).topic as Topic, key: orderId }) as EventMessage;
const saga = async () =>
  (await log.readStream(orderStream('saga', orderId))) as RecordedEvent<'SagaAdvanced'>[];
const last = async () => (await saga()).at(-1)!;
const inputs = async () => (await log.readStream(orderStream('saga-input', orderId))).map(({ type }) => type);

/** The answer to what is outstanding. */
const answer = async (type: string, data = {}) => {
  const { outstanding } = (await last()).data.state.context;
  return { type, data: { commandId: outstanding!.commandId, ...data } } as DomainEvent;
};
const orderShipped = async () =>
  (await append('shipping', await answer('OrderShipped', { shipmentId: 'sh_1' })))[0]!;
const cancellation = async () =>
  (await append('order', { type: 'OrderCancellationRequested', data: {} }))[0]!;
const timerFired = async () => {
  const timerId = (await last()).data.state.context.askTimer!;
  return (await append('saga-input', { type: 'TimerFired', data: { timerId, overdue: false } }))[0]!;
};
const wish = async (to: number, note?: string, through = log) => {
  const stream = orderStream('saga-input', orderId);
  const before = await log.headOf(stream);
  await requestMigration(through, { orderId, step: await last(), to, note });
  return (await log.readStream(stream, { from: before + 1 }))
    .filter(({ type }) => type === 'SagaMigrationRequested')
    .map(message);
};

/** A saga of version 1 that waits for the parcel, the participant having begun, and who hears it. */
const shipping = async (through = log) => {
  const { group } = orchestrator({ log: through, times });
  for (const it of await append('order', { type: 'OrderCreated', data: facts })) await group.handle(it);
  const paid = await answer('PaymentProcessed', { chargeId: 'ch_1', amount: 1_500, currency: 'GBP' });
  for (const it of await append('payment', paid)) await group.handle(it);
  for (const it of await append('inventory', await answer('InventoryReserved'))) await group.handle(it);
  await append('shipping', await answer('ShipmentStarted', { country: 'France' }));
  return group;
};
const steps = async () =>
  (await saga())
    .slice(3)
    .map(({ data }) => `${data.input.type}: ${data.state.value}, ${data.machine.version}`);
const stranger = (through = log) => orchestrator({ log: through, times }).group;

describe('a wish to go on as another version', () => {
  it('is granted in one append, once, whoever hears it and however often', async () => {
    const group = await shipping();
    const [asked] = await wish(2, 'deploy 7');
    for (const hearer of [group, group, stranger()]) await hearer.handle(asked!);
    expect(await steps()).toEqual(['SagaMigrationRequested: shipping, 2']);
    expect((await last()).data).toMatchObject({ commands: [], timers: { set: [], cancelled: [] } });
    expect((await last()).data.state.context.sequence['saga-input']).toBe(0);
    await group.handle(await orderShipped());
    expect(await steps()).toEqual(['SagaMigrationRequested: shipping, 2', 'OrderShipped: completing, 2']);
  });

  it('stands in the log once, with its first note; of another step it is another wish', async () => {
    const group = await shipping();
    const [asked] = await wish(2, 'deploy 7');
    expect(await wish(2, 'again')).toEqual([]);
    await timerFired();
    expect(await wish(2)).toEqual([]);
    expect(await inputs()).toEqual(['SagaMigrationRequested', 'TimerFired']);
    expect(asked!.data).toEqual({ from: 1, to: 2, atRevision: 2, note: 'deploy 7' });
    await group.handle(asked!);
    expect(await wish(1)).toHaveLength(1);
  });

  it('is appended behind a timer that fires at that moment', async () => {
    await shipping();
    let racing = true;
    const raced = tampered(log, {
      before: async () => {
        if (!racing) return;
        racing = false;
        await timerFired();
      },
    });
    expect(await wish(2, undefined, raced)).toHaveLength(1);
    expect(await inputs()).toEqual(['TimerFired', 'SagaMigrationRequested']);
  });

  it('is refused, without a trace, where the other version would wait for something else', async () => {
    const { group } = orchestrator({ log, times });
    for (const it of await append('order', { type: 'OrderCreated', data: facts })) await group.handle(it);
    for (const it of await wish(2)) await group.handle(it);
    expect((await saga()).map(({ data }) => data.machine.version)).toEqual([1]);
  });

  it('to a version that this build does not know is neither handled nor refused', async () => {
    const group = await shipping();
    const [asked] = await wish(99);
    await expect(group.handle(asked!)).rejects.toThrow('version 99 is not known');
    expect(await steps()).toEqual([]);
    // Nor where it comes too late.
    await group.handle(await cancellation());
    await expect(group.handle(asked!)).rejects.toThrow('version 99 is not known');
  });

  it('is undone by the wish back, until the next step', async () => {
    const group = await shipping();
    const before = (await last()).data.state;
    for (const it of await wish(2)) await group.handle(it);
    for (const it of await wish(1)) await group.handle(it);
    const { machine, state } = (await last()).data;
    expect(machine.version).toBe(1);
    expect({ ...state.context, sequence: null }).toEqual({ ...before.context, sequence: null });
    await group.handle(await orderShipped());
    expect((await last()).data).toMatchObject({ machine: { version: 1 }, state: { value: 'completing' } });
  });
});

const racers = [
  ['an answer', orderShipped, 'OrderShipped: completing'],
  ['a cancellation', cancellation, 'OrderCancellationRequested: cancellingShipment'],
  ['a timer', timerFired, 'TimerFired: shipping'],
] as const;

describe.each(racers)('a migration that races %s', (_, happens, heard) => {
  it('comes first: what happens is heard by the new version', async () => {
    const group = await shipping();
    const [asked] = await wish(2);
    const happened = await happens();
    for (const it of [asked!, happened, asked!, happened]) await group.handle(it);
    expect(await steps()).toEqual(['SagaMigrationRequested: shipping, 2', `${heard}, 2`]);
  });

  it('comes second: what happens is heard by the old version, and the saga does not move', async () => {
    const group = await shipping();
    const step = await last();
    const happened = await happens();
    await requestMigration(log, { orderId, step, to: 2 });
    const asked = message((await log.readStream(orderStream('saga-input', orderId))).at(-1)!);
    for (const it of [happened, asked, happened, asked]) await group.handle(it);
    expect(await steps()).toEqual([`${heard}, 1`]);
  });

  it('is held up at its append: what happens meanwhile stands, and the migration comes to nothing', async () => {
    const group = await shipping();
    const held = gate();
    const [asked] = await wish(2);
    const happened = await happens();
    const slow = stranger(tampered(log, { before: held.pass })).handle(asked!);
    await held.reached;
    await group.handle(happened);
    held.open();
    await slow;
    await group.handle(asked!);
    expect(await steps()).toEqual([`${heard}, 1`]);
  });

  it('comes while what happens is held up at its append: that is heard anew, by the new version', async () => {
    const group = await shipping();
    const held = gate();
    let first = true;
    const once = tampered(log, {
      before: async () => {
        if (first) await held.pass();
        first = false;
      },
    });
    const [asked] = await wish(2);
    const happened = await happens();
    const slow = stranger(once).handle(happened);
    await held.reached;
    await group.handle(asked!);
    held.open();
    await slow;
    expect(await steps()).toEqual(['SagaMigrationRequested: shipping, 2', `${heard}, 2`]);
  });
});

describe('the timers of a saga that moves', () => {
  const logger = pino({ level: 'silent' });

  it('fire when they were due, also after the timers were set anew from the log', async () => {
    const group = await shipping();
    for (const it of await wish(2)) await group.handle(it);
    for (const file of ['timers.db', 'anew.db']) {
      const store = openTimerStore(join(folder, file));
      const timers = timersService({ log, clock, store, logger });
      await timers.start();
      for (const record of await saga())
        for (const it of messagesOf(record, new Set<Topic>(['saga.events'])))
          if (it !== undefined) await timers.group.handle(it);
      const before = await inputs();
      await clock.advance((await last()).data.state.context.outstanding!.asks === 0 ? 1_000 : 2_000);
      expect(await inputs()).toEqual([...before, 'TimerFired']);
      await timers.close();
      store.close();
      const fired = (await log.readStream(orderStream('saga-input', orderId))).at(-1)!;
      await group.handle(message(fired));
    }
    expect(await steps()).toEqual([
      'SagaMigrationRequested: shipping, 2',
      'TimerFired: shipping, 2',
      'TimerFired: shipping, 2',
    ]);
    expect((await last()).data.commands).toMatchObject([{ type: 'ShipOrder' }]);
  });
});
