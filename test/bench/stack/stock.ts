import type { Fleet } from '../../fleet.ts';
import { benchSkus } from '../generator.ts';

const quantity = 100_000_000;

/** Puts the bench's catalogue into stock; again, it changes nothing. */
export const stockUpAll = async (fleet: Fleet): Promise<void> => {
  for (const sku of benchSkus) {
    const answer = await fetch(`${fleet.apis()[0]!.url}/inventory/${sku}/receipts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': `bench-${sku}` },
      body: JSON.stringify({ quantity }),
    });
    if (!answer.ok) throw new Error(`no stock for ${sku}: ${answer.status} ${await answer.text()}`);
  }
};
