import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DomainEvent } from '@recourse/contracts/events';
import type { CommandId, OrderId } from '@recourse/contracts/ids';
import { registered, type Topic } from '@recourse/contracts/registry';
import { type OrderCategory, orderStream } from '@recourse/contracts/streams';
import { UnknownVersionError } from '@recourse/infra/errors';
import { stamp, uuidV5 } from '@recourse/infra/event-id';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { EventMessage } from '@recourse/infra/ports/broker';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { gate, tampered } from '../test/participant-kit.ts';
import { orchestrator } from './orchestrator.ts';
import type { NewOrders } from './ramp.ts';

const times = { askDelaysMs: [1_000, 2_000, 5_000, 10_000, 20_000], deadlineMs: 300_000 };
const orderId = '0192f0a0-0000-7000-8000-000000000001' as OrderId;
const created: DomainEvent = {
  type: 'OrderCreated',
  data: {
    customerId: null,
    currency: 'GBP',
    country: 'France',
    paymentToken: 'tok_accepted',
    lines: [{ sku: 'A', quantity: 1, unitPrice: 250 }],
    total: 250,
    bodyHash: 'hash',
  } as never,
};

let folder: string;
let log: EventLog;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recourse-orchestrator-'));
  log = openSqliteLog({ path: join(folder, 'log.db'), clock: systemClock });
});
afterEach(async () => {
  await log.close();
  await rm(folder, { recursive: true });
});

let causes = 0;
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
const last = async () => (await saga()).at(-1)!.data;
const answer = (type: string, commandId: CommandId, data = {}) =>
  ({ type, data: { commandId, ...data } }) as DomainEvent;
const processed = (commandId: CommandId) =>
  answer('PaymentProcessed', commandId, { chargeId: 'ch_1', amount: 250, currency: 'GBP' });
const started = (commandId: CommandId) =>
  answer('PaymentStarted', commandId, { amount: 250, currency: 'GBP', paymentToken: 'tok_accepted' });
const dueNow = async (overdue = false) =>
  append('saga-input', {
    type: 'TimerFired',
    data: { timerId: (await last()).state.context.askTimer!, overdue },
  });

const startedSaga = async (newOrders: NewOrders = { version: 1, percent: 100 }) => {
  const { group } = orchestrator({ log, times, newOrders });
  for (const it of await append('order', created)) await group.handle(it);
  return { group, commandId: (await last()).commands[0]!.id };
};

describe('the orchestrator', () => {
  it('makes one append of each event that it hears', async () => {
    const { group, commandId } = await startedSaga();
    for (const it of await append('payment', started(commandId), processed(commandId)))
      await group.handle(it);
    expect((await saga()).map(({ data }) => data.state.value)).toEqual(['paying', 'reserving']);
    expect((await saga()).map(({ data }) => data.commands[0]!.type)).toEqual([
      'ProcessPayment',
      'ReserveInventory',
    ]);
  });

  it('goes on as it was where it is asked for a version that was taken out', async () => {
    const { group, commandId } = await startedSaga();
    const data = { from: 1, to: 0, atRevision: 0 };
    for (const it of await append('saga-input', { type: 'SagaMigrationRequested', data }))
      await group.handle(it);
    for (const it of await append('payment', started(commandId), processed(commandId)))
      await group.handle(it);
    expect((await saga()).map(({ data }) => data.state.value)).toEqual(['paying', 'reserving']);
  });

  it('appends nothing for a repeat, whenever it comes and whoever hears it', async () => {
    const { group, commandId } = await startedSaga();
    const [, answered] = await append('payment', started(commandId), processed(commandId));
    await group.handle(answered!);
    const before = await saga();
    const stranger = orchestrator({ log, times }).group;
    for (const hearer of [group, stranger]) {
      for (const record of [...(await log.readStream(orderStream('order', orderId))), answered!]) {
        await hearer.handle('kind' in record ? record : message(record));
      }
    }
    expect(await saga()).toEqual(before);
  });

  it('trusts no memory of before its partitions were assigned anew, for another may have gone on', async () => {
    const { group, commandId } = await startedSaga();
    const [, paid] = await append('payment', started(commandId), processed(commandId));
    await orchestrator({ log, times }).group.handle(paid!);
    await group.onAssigned?.([0]);
    for (const it of await append('inventory', answer('InventoryReserved', (await last()).commands[0]!.id)))
      await group.handle(it);
    expect((await saga()).map(({ data }) => data.state.value)).toEqual(['paying', 'reserving', 'shipping']);
  });

  it('remembers nothing of what it was still hearing then', async () => {
    const held = gate();
    const slow = orchestrator({ log: tampered(log, { after: () => held.pass() }), times }).group;
    const [order] = await append('order', created);
    const hearing = slow.handle(order!);
    await held.reached;
    await slow.onAssigned?.([]);
    const commandId = (await last()).commands[0]!.id;
    const [, paid] = await append('payment', started(commandId), processed(commandId));
    await orchestrator({ log, times }).group.handle(paid!);
    await slow.onAssigned?.([0]);
    held.open();
    await hearing;
    for (const it of await append('inventory', answer('InventoryReserved', (await last()).commands[0]!.id)))
      await slow.handle(it);
    expect((await saga()).map(({ data }) => data.state.value)).toEqual(['paying', 'reserving', 'shipping']);
  });

  it('hears first what stands in the log when a timer asks, so a lost answer heals', async () => {
    const { group, commandId } = await startedSaga();
    await append('payment', started(commandId), processed(commandId));
    for (const it of await dueNow()) await group.handle(it);
    expect((await saga()).map(({ data }) => [data.input.type, data.state.value])).toEqual([
      ['OrderCreated', 'paying'],
      ['PaymentProcessed', 'reserving'],
    ]);
  });

  it('counts an ask only where the participant has begun', async () => {
    const { group, commandId } = await startedSaga();
    for (const it of await dueNow()) await group.handle(it);
    expect((await last()).commands).toEqual([]);
    expect((await last()).state.context.outstanding).toMatchObject({ asks: 0, queued: true });
    await append('payment', started(commandId));
    for (const it of await dueNow()) await group.handle(it);
    expect((await last()).commands[0]!.id).toBe(commandId);
    expect((await last()).state.context.outstanding).toEqual({ commandId, type: 'ProcessPayment', asks: 1 });
  });

  it('counts every ask of a participant that is somebody else, and gives it five times as long', async () => {
    const { group } = orchestrator({ log, times, foreign: new Set(['payment']) });
    for (const it of await append('order', created)) await group.handle(it);
    const waits = [(await last()).timers.set.find(({ kind }) => kind === 'ask')!.afterMs];
    for (let ask = 1; ask <= 5; ask += 1) {
      for (const it of await dueNow()) await group.handle(it);
      expect((await last()).state.context.outstanding).toMatchObject({ type: 'ProcessPayment', asks: ask });
      waits.push((await last()).timers.set[0]!.afterMs);
    }
    expect(waits).toEqual([5_000, 10_000, 25_000, 50_000, 100_000, 100_000]);
    for (const it of await dueNow()) await group.handle(it);
    expect((await last()).state.value).toBe('refunding');
  });

  it('takes the outcome as unknown once every ask was used up, and never before', async () => {
    const { group, commandId } = await startedSaga();
    await append('payment', started(commandId));
    for (let asks = 0; asks <= times.askDelaysMs.length; asks += 1) {
      expect((await last()).state.value).toBe('paying');
      for (const it of await dueNow()) await group.handle(it);
    }
    expect((await last()).state).toMatchObject({
      value: 'refunding',
      context: { because: 'payment-unknown' },
    });
  });

  it('drops a stale memory on the conflict: what another has appended stands, and nothing is said twice', async () => {
    const { group: paused, commandId } = await startedSaga();
    const active = orchestrator({ log, times }).group;
    const [, answered] = await append('payment', started(commandId), processed(commandId));
    await active.handle(answered!);
    await paused.handle(answered!);
    const [reserved] = await append('inventory', answer('InventoryReserved', (await last()).commands[0]!.id));
    await Promise.all([active.handle(reserved!), paused.handle(reserved!)]);
    expect((await saga()).map(({ data }) => data.state.value)).toEqual(['paying', 'reserving', 'shipping']);
  });

  it('heals what a stale memory has wrongly ignored, when its timer asks', async () => {
    const { group: paused, commandId } = await startedSaga();
    const active = orchestrator({ log, times }).group;
    const [, answered] = await append('payment', started(commandId), processed(commandId));
    await active.handle(answered!);
    const [reserved] = await append('inventory', answer('InventoryReserved', (await last()).commands[0]!.id));
    // It still remembers `paying`, where InventoryReserved means nothing: acknowledged, and lost.
    await paused.handle(reserved!);
    expect((await last()).state.value).toBe('reserving');
    for (const it of await dueNow()) await active.handle(it);
    expect((await last()).state.value).toBe('shipping');
  });

  it.each([
    ['VoidPayment', 'AuthorizationStarted', 2],
    ['RefundPayment', 'PaymentStarted', 1],
  ] as const)(
    'counts the asks of %s while %s is open: it has to learn first',
    async (undo, intent, version) => {
      const { group, commandId } = await startedSaga({ version, percent: 100 });
      await append('payment', { ...started(commandId), type: intent } as DomainEvent);
      for (const it of await append('order', { type: 'OrderCancellationRequested', data: {} }))
        await group.handle(it);
      for (let asks = 1; asks <= 3; asks += 1) {
        for (const it of await dueNow()) await group.handle(it);
        expect((await last()).commands.map(({ type }) => type)).toEqual([undo]);
        expect((await last()).state.context.outstanding).toMatchObject({ type: undo, asks });
      }
    },
  );

  it('decides on the version once, with the first step; another setting changes nothing after it', async () => {
    const { commandId } = await startedSaga({ version: 2, percent: 100 });
    expect((await last()).machine.version).toBe(2);
    const later = orchestrator({ log, times, newOrders: { version: 1, percent: 100 } }).group;
    const authorized = answer('PaymentAuthorized', commandId, {
      authorizationId: 'au_1',
      amount: 250,
      currency: 'GBP',
    });
    for (const it of await append('payment', authorized)) await later.handle(it);
    expect(await last()).toMatchObject({ machine: { version: 2 }, state: { value: 'reserving' } });
  });

  it('cannot go on with a saga of a version that it does not know', async () => {
    const { group, commandId } = await startedSaga();
    const [first] = await saga();
    const data = { ...first!.data, machine: { name: 'order-saga' as const, version: 99 } };
    await append('saga', { type: 'SagaAdvanced', data });
    const [answered] = await append('payment', processed(commandId));
    const stranger = orchestrator({ log, times }).group;
    await expect(stranger.handle(answered!)).rejects.toThrow(UnknownVersionError);
    await expect(group.handle(answered!)).rejects.toThrow(UnknownVersionError);
  });

  it('starts a saga whose OrderCreated never came when a person retries it', async () => {
    await append('order', created);
    const { group } = orchestrator({ log, times });
    for (const it of await append('saga-input', { type: 'RetryRequested', data: {} })) await group.handle(it);
    expect((await saga())[0]!.data.state.value).toBe('paying');
  });
});
