import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ExportHeader, ExportRecord, ExportTrailer } from '@recourse/contracts/export';
import { openShop, type Shop, until } from '../../../test/shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(async () => {
  await shop.end();
});

const exportOf = (orderId: string) => fetch(`${shop.url}/sagas/${orderId}/export`);
const linesOf = async (orderId: string) => {
  const text = await (await exportOf(orderId)).text();
  const lines = text.split('\n');
  return {
    text,
    header: ExportHeader.parse(JSON.parse(lines[0]!)),
    records: lines.slice(1, -2).map((line) => ExportRecord.parse(JSON.parse(line))),
    trailer: ExportTrailer.parse(JSON.parse(lines.at(-2)!)),
  };
};
const dataOf = <T>({ records }: { readonly records: readonly ExportRecord[] }, type: string) =>
  records.find((record) => record.type === type)?.data as T;

describe('GET /sagas/:id/export', () => {
  it('gives every record of the order in the order of the log, between a line that says what it is and its sum', async () => {
    const { orderId } = await shop.placeAndWait({
      lines: [
        { sku: 'SKU-A', quantity: 2, unitPrice: 250 },
        { sku: 'SKU-B', quantity: 1, unitPrice: 99 },
      ],
    });
    const answer = await exportOf(orderId);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
    const { text, header, records, trailer } = await linesOf(orderId);
    const { events } = (await shop.get(`/sagas/${orderId}/history`)).body;
    expect(records.map(({ id }) => id)).toEqual(events.map(({ id }) => id));
    expect(header).toEqual({
      format: 'recourse-export',
      version: 1,
      orderId,
      records: records.length,
      machine: { name: 'order-saga', version: 1 },
    });
    const before = text.slice(0, text.lastIndexOf('{"records"'));
    const sha256 = createHash('sha256').update(before).digest('hex');
    expect(trailer).toEqual({ records: records.length, sha256 });
  });

  it('marks the records of the stock as for reading: other orders wrote there, too', async () => {
    const { orderId } = await shop.placeAndWait();
    const { records } = await linesOf(orderId);
    const marked = records.filter(({ forReading }) => forReading);
    expect(marked.map(({ stream, type }) => [stream, type])).toEqual([['stock-SKU-A', 'StockTaken']]);
  });

  it('shows no personal data, and the same stand-in wherever the same text stood', async () => {
    const orderId = await shop.place({
      customerId: 'anna-schmidt',
      paymentToken: 'tok_down:card-of-anna',
      country: 'Germany',
    });
    await until(
      () => shop.told(orderId),
      (told) => told.includes('PaymentStarted'),
    );
    for (const note of ['Anna called', 'Anna called again', 'Anna called'])
      await shop.post(`/sagas/${orderId}/retry`, { note });
    await shop.post(`/orders/${orderId}/cancel`, {});
    const { waitsFor } = await until(
      () => shop.saga(orderId),
      (saga) => saga.waitsFor?.type === 'RefundPayment',
    );
    const early = await linesOf(orderId);
    await shop.post(`/sagas/${orderId}/resolve`, {
      commandId: waitsFor!.commandId,
      outcome: 'PaymentRefunded',
      reference: 'phone call with Anna',
      note: 'Anna called',
      openOutcome: 'PaymentProcessed',
    });
    await until(
      () => shop.order(orderId),
      ({ endedAt }) => endedAt !== null,
    );
    const whole = await linesOf(orderId);

    expect(whole.text).not.toMatch(/anna|card-of/i);
    const bodyHash = (await shop.recourse.log.readStream(`order-${orderId as never}`))[0]?.data;
    expect(whole.text).not.toContain((bodyHash as { bodyHash: string }).bodyHash);
    expect(dataOf(whole, 'OrderCreated')).toMatchObject({
      customerId: 'customer-1',
      paymentToken: 'tok-1',
      bodyHash: 'hash-1',
      country: 'Germany',
    });
    const [step] = dataOf<{ commands: { data: object }[] }>(whole, 'SagaAdvanced').commands;
    expect(step?.data).toMatchObject({ paymentToken: 'tok-1' });
    const notes = whole.records.filter(({ type }) => type === 'RetryRequested').map(({ data }) => data.note);
    expect(notes).toEqual(['note-1', 'note-2', 'note-1']);
    // The charge is called by the reference that the person gave: so is its stand-in.
    const said = { chargeId: 'reference-1', reference: 'reference-1', note: 'note-1' };
    expect(dataOf(whole, 'PaymentProcessed')).toMatchObject(said);
    expect(whole.records.slice(0, early.records.length)).toEqual(early.records);
  });

  it('is the same each time it is asked for', async () => {
    const { orderId } = await shop.placeAndWait({ country: 'Atlantis' });
    expect((await linesOf(orderId)).text).toBe((await linesOf(orderId)).text);
  });

  it('refuses what is no order', async () => {
    expect((await shop.get(`/sagas/${randomUUID()}/export`)).status).toBe(404);
    expect((await shop.get('/sagas/17/export')).body.code).toBe('invalid-id');
  });
});
