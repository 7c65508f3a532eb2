import { afterEach, describe, expect, it } from '@jest/globals';
import type { Sku } from '@recourse/contracts/ids';
import { connect } from '../client.ts';
import { answerJson, closeServers, jumpingClock, scriptedServer } from '../testing/scripted-server.ts';
import type { Invoice } from './invoices.ts';
import { patientSender } from './patience.ts';
import { type Outcome, placeOrders } from './place.ts';

const id = '019a5b1c-0d2e-7a10-8f00-5a1c2b3d4e5f';
const order = (state: string, createdAt: string, endedAt: string | null = null) => ({
  orderId: id,
  state,
  because: state === 'cancelled' ? 'shipping-failed' : null,
  createdAt,
  endedAt,
});
const later = '2100-01-01T00:00:00.000Z';

const place = async (answer: Parameters<typeof scriptedServer>[0], number = '536365') => {
  const server = await scriptedServer(answer);
  const client = connect(server.url);
  const clock = jumpingClock();
  const outcomes: Outcome[] = [];
  const invoice: Invoice = {
    number,
    customerId: undefined,
    country: 'France',
    lines: [{ sku: 'A' as Sku, quantity: 1, unitPrice: 5 }],
  };
  await placeOrders([invoice], {
    client,
    clock,
    send: patientSender(client, clock, 1_000),
    currency: 'GBP',
    paymentToken: 'tok_accepted',
    concurrency: 4,
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  await client.close();
  return outcomes;
};

afterEach(closeServers);

describe('placing an invoice', () => {
  it('sends its order under a key that is its number, and waits for the end', async () => {
    let key: unknown;
    const outcomes = await place((request, response) => {
      key = request.headers['idempotency-key'];
      answerJson(response, 200, order('completed', later, later));
    });
    expect(key).toBe('invoice-536365');
    expect(outcomes).toMatchObject([
      { kind: 'ended', invoice: '536365', state: 'completed', ms: expect.any(Number) },
    ]);
  });

  it('of which the number could not stand in a header uses a key that can', async () => {
    let key: unknown;
    await place((request, response) => {
      key = request.headers['idempotency-key'];
      answerJson(response, 200, order('completed', later, later));
    }, 'Rechnung № 5');
    expect(key).toMatch(/^invoice-[0-9a-f-]{36}$/);
  });

  it('looks again at an order that has not ended when its POST is answered, until it has', async () => {
    const outcomes = await place((request, response, n) => {
      if (request.method === 'POST') answerJson(response, 202, order('open', later));
      else if (n < 4) answerJson(response, 200, order('cancelling', later));
      else answerJson(response, 200, order('cancelled', later, '2100-01-01T00:00:09.000Z'));
    });
    expect(outcomes).toMatchObject([{ kind: 'ended', state: 'cancelled', because: 'shipping-failed' }]);
    expect(outcomes[0]?.kind === 'ended' && outcomes[0].ms).toBeGreaterThanOrEqual(9_000);
  });

  it('takes an order from before for known, and gives it no time', async () => {
    const before = '2001-01-01T00:00:00.000Z';
    const outcomes = await place((_, response) =>
      answerJson(response, 200, order('completed', before, before)),
    );
    expect(outcomes).toMatchObject([{ kind: 'ended', ms: undefined }]);
  });

  it('reports a refusal with its code', async () => {
    const problem = {
      type: 'x',
      title: 'A SKU is not known',
      status: 422,
      detail: 'lines[0].sku',
      code: 'unknown-sku',
    };
    const outcomes = await place((_, response) => answerJson(response, 422, problem));
    expect(outcomes).toEqual([
      { kind: 'refused', invoice: '536365', reason: 'unknown-sku', detail: 'lines[0].sku' },
    ]);
  });
});
