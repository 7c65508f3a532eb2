import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { PoisonList, PoisonMessage } from '@recourse/contracts/http-dead-letters';
import type { PoisonMessage as Poison } from '@recourse/infra/ports/poison';
import { postgresPoison } from '@recourse/infra/postgres/poison';
import { systemClock } from '@recourse/infra/system';
import { describeOnStack, type FreshDatabase, freshDatabase, silent } from '../../test/stack/kit.ts';
import { appOf } from './app.ts';
import { type Context, limitsOf } from './deps.ts';
import { poisonRoutes } from './routes/poison.ts';

describeOnStack('poison over HTTP', () => {
  let database: FreshDatabase;
  let server: Server;
  let url: string;
  const published: Poison[] = [];
  const bytes = Uint8Array.from([0xff, 0, 0x7b]);
  const found = (offset: number) => ({
    topic: 'payment.events' as const,
    partition: 2,
    offset,
    time: 1_700_000_000_000,
    group: 'saga',
    reason: 'its data is no JSON',
    key: null,
    value: bytes,
    headers: [['ce_type', Buffer.from('Nonsense')]] as const,
  });

  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(async () => {
    published.length = 0;
    await database.postgres.query('truncate poison restart identity');
    const { port, keep } = postgresPoison(
      database.postgres,
      systemClock,
      async (it) => void published.push(it),
    );
    for (const offset of [5, 6, 7]) await keep(found(offset));
    // What another group meets again is no other message.
    await keep({ ...found(7), group: 'other' });
    const context = {
      poison: port,
      logger: silent,
      limits: limitsOf({ openOrdersMax: 1, deadlineMs: 1 }),
      stopping: () => false,
    } as Partial<Context> as Context;
    server = createServer(appOf(context, poisonRoutes(context))).listen(0);
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const get = async (path: string) => (await fetch(url + path)).json();
  const post = (path: string, body?: unknown) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });

  it('is listed page by page, and shown whole', async () => {
    const first = PoisonList.parse(await get('/poison?limit=2'));
    const rest = PoisonList.parse(await get(`/poison?limit=2&cursor=${first.nextCursor}`));
    expect([...first.items, ...rest.items].map(({ offset }) => offset)).toEqual([5, 6, 7]);
    expect(rest.nextCursor).toBeNull();
    const shown = PoisonMessage.parse(await get(`/poison/${first.items[0]!.id}`));
    expect(shown).toMatchObject({ group: 'saga', key: null, headers: { ce_type: 'Nonsense' } });
    expect(Buffer.from(shown.valueBase64!, 'base64')).toEqual(Buffer.from(bytes));
  });

  it('is published again as it came, once', async () => {
    const [first] = PoisonList.parse(await get('/poison')).items;
    expect((await post(`/poison/${first!.id}/redrive`)).status).toBe(202);
    expect(published.map(({ partition, value }) => [partition, value])).toEqual([[2, Buffer.from(bytes)]]);
    expect((await post(`/poison/${first!.id}/redrive`)).status).toBe(404);
    expect(PoisonList.parse(await get('/poison')).items).toHaveLength(2);
  });

  it('is discarded with a note, and only so', async () => {
    const [first] = PoisonList.parse(await get('/poison')).items;
    expect((await post(`/poison/${first!.id}/discard`, {})).status).toBe(400);
    expect((await post(`/poison/${first!.id}/discard`, { note: 'a test of ours' })).status).toBe(200);
    const [row] = await database.postgres.query('select settled, note from poison where settled is not null');
    expect(row).toEqual({ settled: 'discarded', note: 'a test of ours' });
  });
});
