import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { newKey } from '../../test/contract/broker-fixture.ts';
import { describeOnStack, type FreshDatabase, freshDatabase } from '../../test/stack/kit.ts';
import type { Change, Standing } from '../broker/changes.ts';
import type { Message } from '../ports/broker.ts';
import { ClaimLostError, groupDeliveries } from './deliveries.ts';
import { type Spot, writtenOf } from './delivery-changes.ts';
import { parkedJournal } from './parked-journal.ts';

const topic = 'payment.events';
const places = [
  { topic, partition: 0 },
  { topic, partition: 1 },
] as const;
const behind: Standing = { state: 'behind', attempts: 0, error: null, retryAt: null };
const waiting: Standing = { state: 'waiting', attempts: 4, error: 'Error: x\0', retryAt: 5 };
const spot = (offset: number, partition = 0): Spot => ({ topic, partition, offset, stamp: 7 });
const message = (id: string) => ({ key: newKey(), type: 'PaymentFailed', id, position: 3, data: '\0\ud800' });
const park = (place: Spot, standing = behind, onWritten = () => {}): Change<Spot> => ({
  change: 'park',
  place,
  message: message(`m${place.offset}`) as unknown as Message,
  standing,
  parkedAt: 1,
  onWritten,
});

describeOnStack('the waiting table in PostgreSQL', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(() =>
    database.postgres.query('truncate partition_claim, topic_partitions, parked, discarded, decision'),
  );
  const open = (group = 'group') => groupDeliveries(database.postgres, group);

  it('takes nothing from one whose partition another has claimed since, and all from that one', async () => {
    const table = open();
    const zombie = await table.claim(places, 'zombie');
    const owner = await table.claim(places, 'owner');
    const changes = writtenOf([park(spot(1)), park(spot(2, 1))]);
    await expect(table.write(zombie, changes)).rejects.toThrow(ClaimLostError);
    expect(await table.parked(places)).toEqual([]);
    await table.write(owner, changes);
    expect((await table.parked(places)).map(({ place }) => place)).toEqual([spot(1), spot(2, 1)]);
    await expect(table.write(zombie, writtenOf([{ change: 'remove', place: spot(1) }]))).rejects.toThrow(
      ClaimLostError,
    );
    expect(await table.parked(places)).toHaveLength(2);
  });

  it('is locked by who writes, so that a claim waits until that is in, and sees it', async () => {
    const table = open();
    const owner = await table.claim(places, 'owner');
    const writes = Array.from({ length: 30 }, (_, offset) =>
      table.write(owner, writtenOf([park(spot(offset))])).then(
        () => offset,
        () => undefined,
      ),
    );
    await table.claim(places, 'next');
    const found = (await table.parked(places)).map(({ place }) => place.offset);
    const written = (await Promise.all(writes)).filter((it) => it !== undefined);
    expect(found.toSorted()).toEqual(written.toSorted());
  });

  it('keeps groups apart, and bodies whole whatever text they hold', async () => {
    const [one, other] = [open(), open('other')];
    await one.write(await one.claim(places, 'a'), writtenOf([park(spot(1), waiting)]));
    await other.claim(places, 'b');
    expect(await other.parked(places)).toEqual([]);
    expect(await one.read(spot(1))).toMatchObject({ id: 'm1', data: '\0\ud800' });
    expect(await one.read({ ...spot(1), stamp: 8 })).toBeUndefined();
    const [row] = await one.parked(places);
    expect(row!.standing).toEqual({ ...waiting, error: 'Error: x\ufffd' });
  });

  it('comes to one row for each message, however often it changed before it was written', async () => {
    const table = open();
    const claims = await table.claim(places, 'a');
    const journal = parkedJournal((written) => table.write(claims, written));
    let durable = 0;
    const count = () => {
      durable += 1;
    };
    for (const offset of [1, 2, 3]) journal.record(park(spot(offset), behind, count));
    journal.record({ change: 'stand', place: spot(1), standing: waiting });
    journal.record({ change: 'remove', place: spot(2) });
    await journal.flush();
    expect(durable).toBe(3);
    journal.record({ change: 'remove', place: spot(1) });
    journal.record({ change: 'stand', place: spot(3), standing: waiting });
    expect(journal.isEmpty()).toBe(false);
    await journal.flush();
    const rows = await table.parked(places);
    expect(rows.map(({ place, standing }) => [place.offset, standing.state])).toEqual([[3, 'waiting']]);
  });

  it('keeps what could not be written for the next time, and forgets it when it is another’s', async () => {
    const table = open();
    const claims = await table.claim(places, 'a');
    let broken = true;
    const journal = parkedJournal(async (written) => {
      if (broken) throw new Error('away');
      await table.write(claims, written);
    });
    journal.record(park(spot(1)));
    await expect(journal.flush()).rejects.toThrow('away');
    broken = false;
    await journal.flush();
    expect(await table.parked(places)).toHaveLength(1);
    journal.record(park(spot(2)));
    journal.close();
    journal.record(park(spot(3)));
    await journal.flush();
    expect(await table.parked(places)).toHaveLength(1);
  });

  it('holds what became of a message since, where the answer to the write that parked it was lost', async () => {
    const table = open();
    const claims = await table.claim(places, 'a');
    let isLost = true;
    const journal = parkedJournal(async (written) => {
      await table.write(claims, written);
      if (isLost) throw new Error('the connection broke');
    });
    for (const offset of [1, 2]) journal.record(park(spot(offset), waiting));
    await expect(journal.flush()).rejects.toThrow('broke');
    isLost = false;
    journal.record({ change: 'remove', place: spot(1) });
    journal.record({ change: 'stand', place: spot(2), standing: { ...waiting, state: 'dead' } });
    await journal.flush();
    const rows = await table.parked(places);
    expect(rows.map(({ place, standing }) => [place.offset, standing.state])).toEqual([[2, 'dead']]);
  });

  it('remembers how many partitions a topic had', async () => {
    const table = open();
    expect(await table.partitionsChanged(new Map([[topic, 3]]))).toEqual([]);
    expect(await table.partitionsChanged(new Map([[topic, 3]]))).toEqual([]);
    expect(await table.partitionsChanged(new Map([[topic, 4]]))).toEqual([{ topic, before: 3 }]);
  });
});
