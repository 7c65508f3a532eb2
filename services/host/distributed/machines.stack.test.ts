import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { EventData } from '@recourse/contracts/events';
import type { OrderId } from '@recourse/contracts/ids';
import type { Topic } from '@recourse/contracts/registry';
import { orderStream } from '@recourse/contracts/streams';
import { UnavailableError } from '@recourse/infra/errors';
import { stamp } from '@recourse/infra/event-id';
import type { EventMessage } from '@recourse/infra/ports/broker';
import { type EventLog, noStream } from '@recourse/infra/ports/event-log';
import { openPostgresLog } from '@recourse/infra/postgres/log/log';
import { systemClock } from '@recourse/infra/system';
import { chart } from '@recourse/sagas/chart';
import { orchestrator } from '@recourse/sagas/orchestrator';
import { describeOnStack, type FreshDatabase, freshDatabase, silent } from '../../../test/stack/kit.ts';
import { checkMachinesHere, type MachinesHere } from './machines.ts';

const orderId = '01a20076-319c-7656-aa86-2c96e60267df' as OrderId;
const facts = {
  customerId: null,
  currency: 'GBP',
  country: 'France',
  paymentToken: 'tok_accepted',
  lines: [{ sku: 'A', quantity: 1, unitPrice: 250 }],
  total: 250,
  bodyHash: 'hash',
} as unknown as EventData['OrderCreated'];

describeOnStack('the check of machines at the start of a process', () => {
  let database: FreshDatabase;
  let log: EventLog;
  beforeEach(async () => {
    database = await freshDatabase();
    log = await openPostgresLog({ postgres: database.postgres, clock: systemClock, logger: silent });
    await openSaga();
  });
  afterEach(async () => {
    await log.close();
    await database.drop();
  });

  /** An order whose saga waits for its payment. */
  const openSaga = async () => {
    const stream = orderStream('order', orderId);
    await log.append(stream, noStream, stamp([{ type: 'OrderCreated', data: facts }], orderId, orderId));
    const [created] = await log.readStream(stream);
    const { group } = orchestrator({ log, times: { askDelaysMs: [1_000], deadlineMs: 300_000 } });
    const topic: Topic = 'order.events';
    await group.handle({ ...created, kind: 'event', topic, key: orderId } as EventMessage);
  };

  const check = (build: string, changes: Partial<MachinesHere> = {}) =>
    checkMachinesHere({
      postgres: database.postgres,
      log,
      clock: systemClock,
      logger: silent,
      waitMsMax: 5_000,
      build,
      ...changes,
    });

  /** As if the last start had been made with another chart. */
  const otherChart = async () => {
    const { arrows, ...others } = chart(1);
    const moved = arrows.map((it) => (it.on === 'ShippingFailed' ? { ...it, to: 'cancelling' } : it));
    const text = JSON.stringify({ ...others, arrows: moved });
    await database.postgres.query('update machine_chart set chart = $1 where version = 1', [text]);
  };

  it('refuses a machine that is another one now, whenever it is started', async () => {
    await check('one');
    await otherChart();
    await expect(check('two')).rejects.toMatchObject({ code: 'saga-changed' });
    await expect(check('two')).rejects.toMatchObject({ code: 'saga-changed' });
  });

  it('reads no saga where the same build was found to fit them, and all where another was since', async () => {
    let reads = 0;
    const counting = {
      ...log,
      readStream: (...args: Parameters<EventLog['readStream']>) => {
        reads += 1;
        return log.readStream(...args);
      },
    };
    await check('one', { log: counting });
    const read = reads;
    expect(read).toBeGreaterThan(0);
    await check('one', { log: counting });
    expect(reads).toBe(read);
    await check('two', { log: counting });
    await check('one', { log: counting });
    expect(reads).toBe(3 * read);
  });

  it('waits for a log that is away, and does not take that for a saga that cannot be re-run', async () => {
    let failures = 0;
    const away = {
      ...log,
      readStream: async (...args: Parameters<EventLog['readStream']>) => {
        failures += 1;
        if (failures <= 2) throw new UnavailableError('the log is away');
        return log.readStream(...args);
      },
    };
    await check('one', { log: away });
    expect(failures).toBeGreaterThan(2);
    failures = Number.NEGATIVE_INFINITY;
    await expect(check('two', { log: away, waitMsMax: 300 })).rejects.toMatchObject({ code: 'not-reached' });
    await otherChart();
    await expect(check('two')).rejects.toMatchObject({ code: 'saga-changed' });
  });
});
