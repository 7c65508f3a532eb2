import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { readConfig } from '@recourse/host/config';
import { startDistributed } from '@recourse/host/distributed/distributed';
import { checksumWithoutTime } from '@recourse/infra/log/checksum';
import { shopAt, until } from '../shop.ts';
import { describeOnStack } from '../stack/kit.ts';
import { badDayMsMax, endRuns, freshPlace, type Place, type Run, runRecourse } from './bad-days.ts';

jest.setTimeout(badDayMsMax);

const version = 91;
const from = 'urn:recourse:OrderCreated';

describeOnStack('what a newer version wrote', () => {
  let place: Place;
  beforeEach(async () => {
    place = await freshPlace();
  });
  afterEach(async () => {
    await endRuns();
    await place.drop();
  });

  const start = async (settings: Record<string, string> = {}) => {
    const run = await runRecourse({ ...place.environment, ...settings });
    await run.ready();
    return run;
  };
  const leaves = async (run: Run, what: RegExp) => {
    expect(await run.ended).toBe(1);
    expect(run.said()).toMatch(what);
  };

  it('on a topic of ours: each process of this version says so, leaves and exits; nothing of it is acknowledged', async () => {
    const run = await start();
    await run.stockUp({ 'SKU-A': 10 });
    expect(await run.placeAndWait()).toMatchObject({ state: 'completed' });
    const orderId = randomUUID();
    await place.put('order.events', messageOf(orderId));
    const words = /order\.events holds OrderCreated version 91 .*: run the one that wrote it/;
    await leaves(run, words);
    await leaves(await runRecourse(place.environment), words);

    const offsets = async () => {
      const topic = `${place.prefix}order.events`;
      const [ends, [committed]] = await Promise.all([
        place.admin.fetchTopicOffsets(topic),
        place.admin.fetchOffsets({ groupId: `${place.prefix}orchestrator`, topics: [topic] }),
      ]);
      return ends.map(({ partition, high }) => {
        const at = Number(committed!.partitions.find((it) => it.partition === partition)!.offset);
        return Number(high) - Math.max(0, at);
      });
    };
    expect((await offsets()).reduce((sum, it) => sum + it, 0)).toBeGreaterThanOrEqual(1);
    const { groups } = await place.admin.describeGroups(
      ['orchestrator', 'order'].map((it) => place.prefix + it),
    );
    expect(groups.flatMap(({ members }) => members)).toEqual([]);

    const fatal: Error[] = [];
    const config = readConfig({}, { ...place.environment, PORT: '0', LOG_LEVEL: 'silent' });
    const inside = await startDistributed(config, { onFatal: (error) => fatal.push(error) });
    await until(
      async () => fatal,
      (them) => them.length > 0,
      60_000,
    );
    const ready = await shopAt(inside.url).get('/health/ready');
    expect([ready.status, JSON.stringify(ready.body)]).toEqual([503, expect.stringMatching(words)]);
    await inside.close();
    expect(fatal).toHaveLength(1);
  });

  it('in the log: likewise', async () => {
    const run = await start();
    await run.stockUp({ 'SKU-A': 10 });
    expect(await run.placeAndWait()).toMatchObject({ state: 'completed' });
    await recordOf(place, randomUUID());
    const words = /is a OrderCreated of version 91: this Recourse does not know it, start a newer one/;
    await leaves(run, words);
    await leaves(await runRecourse(place.environment), words);
  });

  it('on a topic of replies: a dead letter of ingest; its order waits, the others go on', async () => {
    const run = await start({ FOREIGN: 'shipping' });
    await run.stockUp({ 'SKU-A': 10 });
    const orderId = await run.place();
    await until(
      () => run.saga(orderId),
      ({ state }) => state === 'shipping',
      60_000,
    );
    await place.put('shipping.replies', {
      key: orderId,
      value: '{}',
      headers: {
        ce_specversion: '1.0',
        ce_id: randomUUID(),
        ce_type: 'OrderShipped',
        ce_source: '/elsewhere',
        ce_subject: orderId,
        ce_dataschema: 'urn:recourse:OrderShipped:91',
        ce_causationid: randomUUID(),
        'content-type': 'application/json',
      },
    });
    const [dead] = await until(
      async () => (await run.get('/dead-letters')).body.items,
      (items) => items.length > 0,
      60_000,
    );
    expect(dead).toMatchObject({ group: 'ingest', error: expect.stringMatching(/version/) });
    const other = await run.place();
    await until(
      () => run.saga(other),
      ({ state }) => state === 'shipping',
      60_000,
    );
    await run.ready();
    expect(run.end()).toBeUndefined();
  });
});

const messageOf = (orderId: string) => ({
  key: orderId,
  value: '{}',
  headers: {
    ce_specversion: '1.0',
    ce_id: randomUUID(),
    ce_type: 'OrderCreated',
    ce_source: `/streams/order-${orderId}`,
    ce_subject: orderId,
    ce_time: new Date().toISOString(),
    ce_dataschema: `${from}:${version}`,
    ce_sequence: '0',
    ce_correlationid: orderId,
    ce_causationid: randomUUID(),
    ce_position: '1000000',
    'content-type': 'application/json',
  },
});

/** Puts a record at the end of the log, as a newer version would. */
const recordOf = async ({ database }: Place, orderId: string): Promise<void> => {
  const record = {
    stream: `order-${orderId}`,
    revision: 0,
    id: randomUUID(),
    type: 'OrderCreated',
    version,
    correlation: orderId,
    causation: randomUUID(),
  };
  const crc = checksumWithoutTime(record as unknown as Parameters<typeof checksumWithoutTime>[0], '{}');
  await database.postgres.transaction(async (query) => {
    await query('select log_begin()');
    await query(`insert into log_types (name, version) values ('OrderCreated', $1)`, [version]);
    await query('update log_head set "position" = "position" + 1, stream = stream + 1');
    await query(`insert into log_streams select stream, 0, $1, 'order' from log_head`, [orderId]);
    await query(
      `insert into log_records
       select h."position", h.stream, 0, h."time", t.type, $1, $2, $3, null, '{}'
       from log_head h, log_types t where t.version = $4`,
      [crc, record.id, record.causation, version],
    );
    await query(`select pg_notify(current_schema() || '.log', "position"::text) from log_head`);
  });
};
