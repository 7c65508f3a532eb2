import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openReadModels } from '@recourse/api/read-models';
import type { DomainEvent, EventData } from '@recourse/contracts/events';
import type { OrderId } from '@recourse/contracts/ids';
import { registered, type Topic } from '@recourse/contracts/registry';
import { type OrderCategory, orderStream } from '@recourse/contracts/streams';
import { stamp, uuidV5 } from '@recourse/infra/event-id';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { EventMessage } from '@recourse/infra/ports/broker';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { chart } from '@recourse/sagas/chart';
import type { SagaVersion } from '@recourse/sagas/machines';
import { orchestrator } from '@recourse/sagas/orchestrator';
import { requestMigration } from '@recourse/sagas/request-migration';
import { pino } from 'pino';
import { edit } from '../../../test/damage/folders.ts';
import { openShop } from '../../../test/shop.ts';
import { checkMachines } from './check.ts';
import { folderCharts } from './kept-charts.ts';
import { openAtStart } from './open-at-start.ts';

const logger = pino({ level: 'silent' });
const namespace = '6f2c8f0e-6f0b-5a4e-9a55-0c3d1f3f7b11';
const orderId = (n: number) => uuidV5(namespace, `order ${n}`) as OrderId;
const facts = {
  customerId: null,
  currency: 'GBP',
  country: 'France',
  paymentToken: 'tok_accepted',
  lines: [{ sku: 'A', quantity: 1, unitPrice: 250 }],
  total: 250,
  bodyHash: 'hash',
} as unknown as EventData['OrderCreated'];

let dataDir: string;
let log: EventLog;
let causes = 0;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'recourse-machines-'));
  log = openSqliteLog({ path: join(dataDir, 'log.db'), clock: systemClock });
});
afterEach(async () => {
  await log.close();
  await rm(dataDir, { recursive: true });
});

const append = async (n: number, category: OrderCategory, ...events: DomainEvent[]) => {
  causes += 1;
  const stream = orderStream(category, orderId(n));
  const before = await log.headOf(stream);
  await log.append(stream, before, stamp(events, orderId(n), uuidV5(namespace, `cause ${causes}`)));
  return (await log.readStream(stream, { from: before + 1 })).map(
    (record) =>
      ({
        ...record,
        kind: 'event',
        topic: registered(record.type).topic as Topic,
        key: orderId(n),
      }) as EventMessage,
  );
};
const lastStep = async (n: number) =>
  (await log.readStream(orderStream('saga', orderId(n)), { direction: 'backwards', max: 1 }))[0] as
    | RecordedEvent<'SagaAdvanced'>
    | undefined;
const answer = async (n: number, type: string, data = {}) =>
  ({
    type,
    data: { commandId: (await lastStep(n))!.data.state.context.outstanding!.commandId, ...data },
  }) as DomainEvent;

/** An order whose saga waits for its reservation, or has ended. */
const saga = async (n: number, version: SagaVersion = 1, ended = false) => {
  const { group } = orchestrator({
    log,
    times: { askDelaysMs: [1_000], deadlineMs: 300_000 },
    newOrders: { version, percent: 100 },
  });
  const hear = async (category: OrderCategory, event: DomainEvent) => {
    for (const it of await append(n, category, event)) await group.handle(it);
  };
  await hear('order', { type: 'OrderCreated', data: facts });
  if (ended) {
    await hear('payment', await answer(n, 'PaymentFailed', { reason: 'declined' }));
    await hear('order', await answer(n, 'OrderCancelled', { because: 'payment-failed' }));
  } else
    await hear(
      'payment',
      await answer(n, 'PaymentProcessed', { chargeId: 'c', amount: 250, currency: 'GBP' }),
    );
};

/** Moves it from version 1 to version 2. */
const migrate = async (n: number) => {
  await requestMigration(log, { orderId: orderId(n), step: (await lastStep(n))!, to: 2 });
  const wish = (await log.readStream(orderStream('saga-input', orderId(n)))).at(-1);
  const { group } = orchestrator({ log, times: { askDelaysMs: [1_000], deadlineMs: 300_000 } });
  await group.handle({ ...wish, kind: 'event', topic: 'saga.inputs', key: orderId(n) } as EventMessage);
  expect((await lastStep(n))!.data.machine.version).toBe(2);
};
/** The deadline that passes, as a step refers to it. */
const deadlinePassed = async (n: number) => {
  const timerId = (await lastStep(n))!.data.state.context.deadlineTimer!;
  const [fired] = await append(n, 'saga-input', { type: 'TimerFired', data: { timerId, overdue: false } });
  const { id, revision, type } = fired!;
  return { id, revision, type, category: 'saga-input' as const };
};

const check = () =>
  checkMachines({ charts: folderCharts(dataDir), open: () => openAtStart(dataDir), log, logger });
const chartPath = (version: number) => join(dataDir, 'machines', `order-saga-v${version}.json`);
const keptChart = (version: number) => JSON.parse(readFileSync(chartPath(version), 'utf8'));

/** The chart of the last start, with one arrow elsewhere. */
const otherChart = (version: SagaVersion) => {
  const { arrows, ...others } = chart(version);
  mkdirSync(join(dataDir, 'machines'), { recursive: true });
  const moved = arrows.map((it) => (it.on === 'ShippingFailed' ? { ...it, to: 'cancelling' } : it));
  writeFileSync(chartPath(version), JSON.stringify({ ...others, arrows: moved }));
};

/** Folds the log into the list of sagas, as the last run has left it. */
const foldLists = async () => {
  const readModels = await openReadModels({ dataDir, logPath: join(dataDir, 'log.db'), log });
  await readModels.waitFor(await log.head());
  await readModels.close();
};

describe('a machine that is another one than at the last start', () => {
  it('starts where no saga is open, and is what the next start compares with', async () => {
    await saga(1, 1, true);
    otherChart(1);
    await check();
    expect(keptChart(1)).toEqual(chart(1));
    expect(keptChart(2)).toEqual(chart(2));
  });

  it('is refused while sagas are open on it, naming the state, what differs and the sagas; nothing is changed', async () => {
    await saga(1);
    await saga(2, 1, true);
    otherChart(1);
    const before = readFileSync(chartPath(1), 'utf8');
    await expect(check()).rejects.toMatchObject({
      code: 'saga-changed',
      message: expect.stringMatching(
        `^order-saga version 1 is not what it was: 1 open saga \\(${orderId(1)}\\) began on another chart. ` +
          'Changed: shipping \\(ShippingFailed: cancelling .* before, releasing .* now\\)\\. Make the changed machine a new version',
      ),
    });
    expect(readFileSync(chartPath(1), 'utf8')).toBe(before);
  });

  it('starts where the open sagas are on another version, or have moved to one', async () => {
    await saga(1, 2);
    await saga(2, 1);
    await migrate(2);
    otherChart(1);
    await check();
    otherChart(2);
    await expect(check()).rejects.toMatchObject({ code: 'saga-changed' });
  });

  it('starts where another version would now step otherwise than it did before the sagas moved on from it', async () => {
    await saga(1);
    const { data } = (await lastStep(1))!;
    const { deadlineTimer: _, ...context } = data.state.context;
    const input = await deadlinePassed(1);
    const sequence = { ...context.sequence, 'saga-input': input.revision };
    // As a machine would have stepped that does not flag it.
    const state = { ...data.state, context: { ...context, sequence } };
    const nothing = { commands: [], timers: { set: [], cancelled: [] } };
    await append(1, 'saga', { type: 'SagaAdvanced', data: { ...data, input, state, ...nothing } });
    await expect(check()).rejects.toMatchObject({ code: 'saga-changed' });
    await migrate(1);
    await check();
  });

  it('is refused where its chart is the same and open sagas would have gone another way', async () => {
    await saga(1);
    const { data, revision } = (await lastStep(1))!;
    expect(revision).toBe(1);
    await saga(2);
    const [reserved] = await append(1, 'inventory', await answer(1, 'InventoryReserved'));
    // As a machine would have stepped that gave the order up there.
    await append(1, 'saga', {
      type: 'SagaAdvanced',
      data: {
        ...data,
        input: { id: reserved!.id, type: 'InventoryReserved', category: 'inventory', revision: 0 },
        state: { ...data.state, value: 'refunding' },
      },
    });
    await expect(check()).rejects.toMatchObject({
      code: 'saga-changed',
      message: expect.stringContaining(
        `re-run over what they heard, 1 open saga (${orderId(1)}) would have gone another way: in reserving, InventoryReserved gave state refunding, and now gives shipping.`,
      ),
    });
  });

  it('starts on a log that cannot be read whole, and keeps no chart: there may be sagas that it has not seen', async () => {
    await saga(1, 1, true);
    otherChart(1);
    const before = readFileSync(chartPath(1), 'utf8');
    edit(dataDir, 'log.db', 'UPDATE records SET data = substr(data, 2) WHERE position = 1');
    await check();
    expect(readFileSync(chartPath(1), 'utf8')).toBe(before);
  });

  it('is looked for without standing still: whoever asks whether it lives gets an answer', async () => {
    await saga(1, 1, true);
    let turns = 0;
    const turn = setImmediate(() => {
      turns += 1;
    });
    await check();
    clearImmediate(turn);
    expect(turns).toBe(1);
  });

  it('starts where a chart that was kept cannot be read: re-running the open sagas decides', async () => {
    await saga(1);
    mkdirSync(join(dataDir, 'machines'));
    writeFileSync(chartPath(1), '{"states":');
    await check();
    expect(keptChart(1)).toEqual(chart(1));
  });

  it('is refused where this build does not have it at all', async () => {
    await saga(1);
    const { data } = (await lastStep(1))!;
    await append(1, 'saga', {
      type: 'SagaAdvanced',
      data: { ...data, machine: { ...data.machine, version: 99 } },
    });
    await expect(check()).rejects.toMatchObject({
      code: 'saga-unknown',
      message: expect.stringContaining(
        'order-saga version 99 is not known to this Recourse, and 1 open saga',
      ),
    });
  });
});

describe('the open sagas at a start', () => {
  beforeEach(async () => {
    await saga(1);
    otherChart(1);
  });
  const refused = () =>
    expect(check()).rejects.toMatchObject({ message: expect.stringContaining(orderId(1)) });

  it('are found without a list of sagas', refused);

  it('are found by the list, and by the end of the log behind it', async () => {
    await foldLists();
    await refused();
    await saga(2);
    await expect(check()).rejects.toMatchObject({ message: expect.stringContaining('2 open sagas') });
  });

  it('are not those that have ended behind the list', async () => {
    await foldLists();
    const { data } = (await lastStep(1))!;
    const state = { ...data.state, status: 'done' as const };
    await append(1, 'saga', { type: 'SagaAdvanced', data: { ...data, state } });
    await check();
  });

  it('are found where the list is of another log', async () => {
    await foldLists();
    await log.close();
    for (const name of ['log.db', 'log.db-wal', 'log.db-shm']) rmSync(join(dataDir, name), { force: true });
    log = openSqliteLog({ path: join(dataDir, 'log.db'), clock: systemClock });
    for (const n of [3, 1]) await saga(n);
    await expect(check()).rejects.toMatchObject({ message: expect.stringContaining('2 open sagas') });
  });
});

it('a whole Recourse refuses to start then, and goes on as before with the build that it began on', async () => {
  const shop = await openShop({
    overrides: { wrapCarrier: (carrier) => ({ ...carrier, ship: () => new Promise(() => {}) }) },
  });
  const id = await shop.place();
  await shop.close();
  const path = join(shop.dataDir, 'machines', 'order-saga-v1.json');
  const kept = readFileSync(path, 'utf8');
  writeFileSync(path, kept.replaceAll('ShipOrder', 'SendParcel'));
  await expect(openShop({ dataDir: shop.dataDir })).rejects.toMatchObject({
    code: 'saga-changed',
    message: expect.stringContaining(
      `${id}) began on another chart. Changed: shipping (command: SendParcel before, ShipOrder now)`,
    ),
  });
  writeFileSync(path, kept);
  const again = await openShop({ dataDir: shop.dataDir });
  await again.end();
});
