import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { openShop, type Shop, usualOrder } from '../shop.ts';

/** Nobody asks again: each command stands once in the history. */
const flags = { askDelaysMs: '60000' };

let open: Shop | undefined;
afterEach(() => open?.end());

/** The ids of all commands of an order, by type. */
const commandsOf = async (shop: Shop, orderId: string) =>
  (await shop.get(`/sagas/${orderId}/history`)).body.events.flatMap(({ type, data }) =>
    type === 'SagaAdvanced' ? (data as { commands: { id: string; type: string }[] }).commands : [],
  );

it('an order that the log has lost, placed again under its key, is the same one to provider and carrier', async () => {
  const placed = (shop: Shop) =>
    shop.post('/orders', usualOrder, { 'idempotency-key': 'basket-1', prefer: 'wait=60' });

  const before = await openShop({ flags });
  open = before;
  const { orderId, shipmentId } = (await placed(before)).body;
  const commands = await commandsOf(before, orderId);
  await before.close();

  const { dataDir } = before;
  for (const name of await readdir(dataDir))
    if (name !== 'simulated') await rm(join(dataDir, name), { recursive: true });

  const after = await openShop({ dataDir, flags });
  open = after;
  await after.stockUp({ 'SKU-A': 10 });
  const again = await placed(after);
  expect(again.status).toBe(200);
  expect(again.body).toMatchObject({ orderId, state: 'completed', shipmentId });
  expect(await commandsOf(after, orderId)).toEqual(commands);
  expect(commands).toHaveLength(4);
  expect(await after.ledger()).toMatchObject({ violations: [], books: { charges: 1, shipments: 1 } });
});
