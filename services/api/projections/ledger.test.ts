import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Ledger } from '@recourse/contracts/http';
import { openSqliteLogReader } from '@recourse/infra/log/reader';
import { type Folding, openFolding } from '@recourse/infra/project/fold';
import type { LogSource } from '@recourse/infra/project/source';
import { ledgerProjection } from './ledger.ts';
import { computeLedger } from './ledger-compare.ts';
import { type History, type HistoryOrder, openHistory, orderIdOf } from './testing/history.ts';
import { balanced, namesOf, unbalanced } from './testing/ledger-histories.ts';

const person = { by: 'person', reference: 'r', note: 'seen in the dashboard' } as const;

/** Entries of the books that orders which are charged at once do not make. */
const ofAuthorizations = { authorizations: 0, captures: 0, voids: 0 };

describe('the ledger', () => {
  let dataDir: string;
  let history: History;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'recourse-ledger-'));
    history = openHistory(dataDir);
    history.receive('TEA', 100);
  });
  afterEach(async () => {
    await history.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const books = () => ({
    gateway: join(dataDir, 'simulated', 'gateway.db'),
    carrier: join(dataDir, 'simulated', 'carrier.db'),
  });
  const opened = async (): Promise<Folding> => {
    await history.settled();
    return openFolding(
      join(dataDir, 'read-models'),
      [ledgerProjection],
      openSqliteLogReader(history.logPath),
    );
  };
  const ledger = async (paths = books()): Promise<Ledger> => {
    const folding = await opened();
    const computed = Ledger.parse(computeLedger(folding, paths));
    folding.close();
    return computed;
  };
  /** Codes and subjects of what is wrong. */
  const violations = async () => (await ledger()).violations.map(({ code, subject }) => `${code} ${subject}`);
  const is = (it: HistoryOrder, ...codes: string[]) => codes.map((code) => `${code} ${it.orderId}`);

  const rows = () => balanced(history);

  it.each(namesOf(balanced))('balances over an order %s', async (name) => {
    rows()[name]!();
    expect(await ledger()).toMatchObject({ violations: [], books: { inFlight: 0 }, orders: { open: 0 } });
  });

  it('balances over all of these together, and adds up', async () => {
    for (const write of Object.values(rows())) write();
    const { position, ...computed } = await ledger();
    expect(Number(position)).toBe(await history.log.head());
    expect(computed).toEqual({
      money: [
        {
          currency: 'GBP',
          captured: 10 * 500,
          refunded: 7 * 500,
          completed: 3 * 500,
          held: 0,
          capturedByPerson: 0,
          refundedByPerson: 0,
          authorized: 0,
          voided: 0,
          authorizedOpen: 0,
        },
      ],
      stock: { skus: 1, received: 100, onHand: 94, reserved: 0, shipped: 6 },
      books: { ...ofAuthorizations, charges: 11, refunds: 7, shipments: 6, cancellations: 2, inFlight: 0 },
      orders: { open: 0, completed: 3, cancelled: 9 },
      violations: [],
    });
  });

  it('balances over orders that are open, wherever they are', async () => {
    history.order().created();
    history.order().created().chargeStarted();
    history.order().created().chargeStarted().chargeEntered();
    history.order().paid();
    history.order().paid().reservationStarted().taken();
    history.order().inStock().shipmentStarted().shipmentEntered();
    history.order().sent();
    history.order().inStock().returned().refundStarted().refundEntered();
    history.order().inStock().returned().refundStarted().refundEntered().refunded();
    expect(await ledger()).toMatchObject({
      money: [{ captured: 6 * 500, refunded: 500, completed: 0, held: 5 * 500 }],
      stock: { received: 100, onHand: 94, reserved: 4, shipped: 2 },
      books: { charges: 7, refunds: 2, shipments: 2, inFlight: 3 },
      orders: { open: 9 },
      violations: [],
    });
  });

  it('keeps currencies apart', async () => {
    history.order({ currency: 'GBP' }).done();
    history.order({ currency: 'EUR', lines: [['TEA', 1, 70]] }).paid();
    expect((await ledger()).money).toMatchObject([
      { currency: 'EUR', captured: 70, completed: 0, held: 70 },
      { currency: 'GBP', captured: 500, completed: 500, held: 0 },
    ]);
  });

  it('adds up and compares amounts whose sum passes 2^53', async () => {
    const price = 2 ** 53 - 1;
    for (let n = 0; n < 3; n += 1) history.order({ lines: [['TEA', 1, price]] }).done();
    const computed = await opened().then((folding) => {
      const it = computeLedger(folding, books());
      folding.close();
      return it;
    });
    expect(computed.violations).toEqual([]);
    expect(computed.money).toMatchObject([{ captured: 3 * price, completed: 3 * price }]);
  });

  it('takes SKUs that are names of JavaScript for what they are', async () => {
    for (const sku of ['__proto__', 'constructor']) history.receive(sku, 5);
    history
      .order({
        lines: [
          ['__proto__', 1, 10],
          ['constructor', 2, 10],
        ],
      })
      .done();
    expect(await ledger()).toMatchObject({
      stock: { skus: 3, received: 110, onHand: 107, reserved: 0, shipped: 3 },
      violations: [],
    });
  });

  it('says that nothing has happened before anything has, with no books there', async () => {
    await history.close();
    await rm(dataDir, { recursive: true, force: true });
    history = openHistory(dataDir);
    const nowhere = { gateway: join(dataDir, 'no.db'), carrier: join(dataDir, 'none.db') };
    expect(await ledger(nowhere)).toEqual({
      position: '0000000000000000',
      money: [],
      stock: { skus: 0, received: 0, onHand: 0, reserved: 0, shipped: 0 },
      books: { ...ofAuthorizations, charges: 0, refunds: 0, shipments: 0, cancellations: 0, inFlight: 0 },
      orders: { open: 0, completed: 0, cancelled: 0 },
      violations: [],
    });
  });

  describe('with amounts settled by a person', () => {
    it('needs no entries for them, and counts them apart', async () => {
      history.order().created().chargeStarted().charged(person).sentFromHere();
      const back = history.order().paid().saga('refunding', 'RefundPayment');
      back.refundStarted().refunded(person).cancelled('customer-cancelled');
      expect(await ledger()).toMatchObject({
        money: [
          { captured: 1_000, capturedByPerson: 500, refunded: 500, refundedByPerson: 500, completed: 500 },
        ],
        violations: [],
      });
    });

    it('takes a person’s cancellation of a shipment whose outcome never came', async () => {
      const it = history.order().inStock().shipmentStarted().shipmentEntered().cancellationStarted();
      it.write('shipping', 'ShipmentCancelled', {
        commandId: it.id('CancelShipment'),
        nothing: false,
        ...person,
      });
      it.givenBack('customer-cancelled', { stock: true });
      expect(await violations()).toEqual([]);
    });

    it('does not move money twice when the provider says the same later', async () => {
      const it = history.order().created().chargeStarted().charged(person).chargeEntered();
      it.charged({ late: true }).sentFromHere();
      expect(await ledger()).toMatchObject({
        money: [{ captured: 500, capturedByPerson: 500 }],
        violations: [],
      });
    });

    it('wants a late outcome in the books like any other', async () => {
      const it = history.order().created().chargeStarted().charged(person).charged({ late: true });
      expect(await violations()).toEqual(is(it, 'outcome-not-in-books'));
    });

    it('shows a capture that a person had said did not happen', async () => {
      const it = history.order().created().chargeStarted().chargeFailed(person).cancelled('payment-failed');
      expect(await violations()).toEqual([]);
      it.chargeEntered();
      expect(await violations()).toEqual(is(it, 'books-outcome-differs'));
      it.charged({ late: true });
      expect(await violations()).toEqual(['money-unbalanced GBP', ...is(it, 'cancelled-but-captured')]);
    });

    it('shows a capture that a person had said happened, and the provider declined', async () => {
      const it = history.order().created().chargeStarted().charged(person).chargeEntered(0);
      it.chargeFailed({ late: true });
      expect(await violations()).toEqual(is(it, 'books-outcome-differs'));
    });
  });

  describe('names what does not balance', () => {
    it.each(namesOf(unbalanced))('%s', async (name) => {
      history.order().done();
      const [it, ...expected] = unbalanced(history)[name]!();
      const found = await violations();
      // A wrong order unbalances its currency, and a wrong return its SKU: those are named besides.
      const ofOrder = found.filter((violation) => !/^(money|stock)-unbalanced/.test(violation));
      expect(ofOrder).toEqual(is(it, ...expected));
    });

    it('entries of the books that nobody in the log asked for', async () => {
      const never = history.order();
      never.chargeEntered().refundEntered().shipmentEntered().cancellationEntered();
      expect((await violations()).sort()).toEqual(
        (['ProcessPayment', 'RefundPayment', 'ShipOrder', 'CancelShipment'] as const)
          .map((command) => `books-without-intent ${never.id(command)}`)
          .sort(),
      );
    });

    it('money of a currency that does not add up, with its numbers', async () => {
      history.order().paid().cancelled('customer-cancelled');
      expect((await ledger()).violations[0]).toEqual({
        code: 'money-unbalanced',
        subject: 'GBP',
        detail: 'captured 500 − refunded 0 is 500; completed 0 + held 0 is 0',
      });
    });

    it('stock of a SKU that does not add up, with its numbers', async () => {
      const receiptId = orderIdOf(999);
      history.append('stock-CUP' as never, receiptId, 'StockReceived', {
        receiptId: receiptId as never,
        quantity: 10,
        onHand: 9,
      });
      expect((await ledger()).violations).toEqual([
        {
          code: 'stock-unbalanced',
          subject: 'CUP',
          detail: 'received 10; on hand 9 + reserved 0 + shipped 0 is 9',
        },
      ]);
    });

    it('a thousand violations at most, and says how many there are', async () => {
      for (let n = 0; n < 1_010; n += 1) history.order().chargeEntered();
      const { violations: listed } = await ledger();
      expect(listed).toHaveLength(1_001);
      expect(listed.at(-1)).toEqual({
        code: 'more-violations',
        subject: 'ledger',
        detail: '1010 violations in all; the first 1000 are listed',
      });
    });
  });

  it('compares what was there in the order in which it came to be, while orders run', async () => {
    history.order().done();
    const known = await history.settled();
    const begun = history.order().created().chargeStarted();
    const paid = history.order().created().chargeStarted().charged();
    await history.settled();
    const reader = openSqliteLogReader(history.logPath);
    let seen = known;
    const source: LogSource = {
      ...reader,
      head: () => seen,
      read: (after, max, wanted) =>
        seen > after ? reader.read(after, Math.min(max, seen - after), wanted) : undefined,
    };
    const folding = openFolding(join(dataDir, 'read-models'), [ledgerProjection], source);
    let looks = 0;
    const racing: Folding = {
      ...folding,
      catchUp: (name) => {
        looks += 1;
        // Before the second look, the books have been read: this charge comes too late for them, not for the log.
        if (looks === 2) paid.chargeEntered();
        const place = folding.catchUp(name);
        seen = reader.head();
        // After the first look at the log: this charge's intent comes too late for it, its entry not for the books.
        if (looks === 1) begun.chargeEntered();
        return place;
      },
    };
    expect(computeLedger(racing, books())).toMatchObject({
      violations: [],
      money: [{ captured: 500, completed: 500, held: 0 }],
      books: { charges: 2, inFlight: 1 },
      orders: { open: 0, completed: 1 },
    });
    folding.close();
  });
});
