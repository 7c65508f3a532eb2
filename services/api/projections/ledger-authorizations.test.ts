import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Ledger } from '@recourse/contracts/http';
import { openSqliteLogReader } from '@recourse/infra/log/reader';
import { openFolding } from '@recourse/infra/project/fold';
import { ledgerProjection } from './ledger.ts';
import { computeLedger } from './ledger-compare.ts';
import { authorizing } from './testing/authorizing.ts';
import { type History, type HistoryOrder, openHistory } from './testing/history.ts';
import {
  authorizingOrders,
  balancedAuthorizing,
  namesOf,
  unbalancedAuthorizing,
} from './testing/ledger-histories.ts';

const person = { by: 'person', reference: 'r', note: 'seen in the dashboard' } as const;

describe('the ledger, of money that is authorised first', () => {
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

  const ledger = async (
    gateway = join(dataDir, 'simulated', 'gateway.db'),
    carrier = join(dataDir, 'simulated', 'carrier.db'),
  ): Promise<Ledger> => {
    await history.settled();
    const folding = openFolding(
      join(dataDir, 'read-models'),
      [ledgerProjection],
      openSqliteLogReader(history.logPath),
    );
    const computed = Ledger.parse(computeLedger(folding, { gateway, carrier }));
    folding.close();
    return computed;
  };
  /** Codes and subjects of what is wrong. */
  const violations = async () => (await ledger()).violations.map(({ code, subject }) => `${code} ${subject}`);
  const is = (it: HistoryOrder, ...codes: string[]) => codes.map((code) => `${code} ${it.orderId}`);

  const placed = () => authorizingOrders(history).placed();
  const authorized = () => authorizingOrders(history).authorized();
  const shipped = () => authorizingOrders(history).shipped();
  const done = () => authorizingOrders(history).done();

  it.each(namesOf(balancedAuthorizing))('balances over an order %s', async (name) => {
    balancedAuthorizing(history)[name]!();
    expect(await ledger()).toMatchObject({ violations: [], books: { inFlight: 0 }, orders: { open: 0 } });
  });

  it('balances over all of these and orders that are charged at once, and adds up', async () => {
    for (const write of Object.values(balancedAuthorizing(history))) write();
    history.order().done();
    history.order().paid().givenBack('inventory-failed', { stock: false });
    const { money, books, orders, violations } = await ledger();
    expect({ money, books, orders, violations }).toEqual({
      money: [
        {
          currency: 'GBP',
          captured: 3 * 500,
          refunded: 500,
          completed: 2 * 500,
          held: 0,
          capturedByPerson: 0,
          refundedByPerson: 0,
          authorized: 2 * 500,
          voided: 500,
          authorizedOpen: 0,
        },
      ],
      books: {
        charges: 2,
        refunds: 1,
        authorizations: 4,
        captures: 1,
        voids: 1,
        shipments: 2,
        cancellations: 0,
        inFlight: 0,
      },
      orders: { open: 0, completed: 2, cancelled: 5 },
      violations: [],
    });
  });

  it('does not take for captured what is only authorised, wherever open orders are', async () => {
    placed().pay.started();
    placed().pay.started().entered();
    authorized();
    shipped();
    shipped().pay.captureStarted().captureEntered();
    shipped().pay.allCaptured();
    authorized().pay.voidStarted().voidEntered();
    authorized().pay.allVoided();
    expect(await ledger()).toMatchObject({
      money: [
        { captured: 500, completed: 0, held: 500, authorized: 6 * 500, voided: 500, authorizedOpen: 4 * 500 },
      ],
      books: { authorizations: 7, captures: 2, voids: 2, inFlight: 3 },
      orders: { open: 8 },
      violations: [],
    });
  });

  it('counts money once that was charged at once, although its capture is answered too', async () => {
    const it = history.order().paid();
    authorizing(history, it).captured({ captureId: 'of the charge' });
    it.taken().shipmentStarted().shipmentEntered().shipped().completed();
    expect(await ledger()).toMatchObject({
      money: [{ captured: 500, completed: 500, authorized: 0 }],
      books: { captures: 0 },
      violations: [],
    });
  });

  it('reads books that an older Recourse kept, without the tables of today', async () => {
    history.order().done();
    const path = join(dataDir, 'older.db');
    const older = new DatabaseSync(path);
    older.prepare('attach ? as today').run(join(dataDir, 'simulated', 'gateway.db'));
    older.exec('create table charges as select * from today.charges');
    older.exec('create table refunds as select * from today.refunds');
    older.close();
    expect(await ledger(path)).toMatchObject({
      books: { charges: 1, authorizations: 0, captures: 0, voids: 0 },
      violations: [],
    });
  });

  describe('with what a person settled', () => {
    it('needs no entries for it, and counts what was captured apart', async () => {
      const { it, pay } = placed();
      pay.started().authorized(person);
      it.taken().shipmentStarted().shipmentEntered().shipped();
      pay.captureStarted().captured(person);
      it.completed();
      const back = placed();
      back.pay.started().authorized(person).voided(person);
      back.it.cancelled('customer-cancelled');
      expect(await ledger()).toMatchObject({
        money: [{ captured: 500, capturedByPerson: 500, completed: 500, authorized: 1_000, voided: 500 }],
        violations: [],
      });
    });

    it('does not move money twice when the provider says the same later', async () => {
      const { it, pay } = shipped();
      pay.captureStarted().captured(person).captureEntered().captured({ late: true });
      it.completed();
      expect(await ledger()).toMatchObject({
        money: [{ captured: 500, capturedByPerson: 500 }],
        violations: [],
      });
    });

    it('wants a late outcome in the books like any other', async () => {
      const { it, pay } = authorized();
      pay.voidStarted().voided(person).voided({ late: true });
      it.cancelled('customer-cancelled');
      expect(await violations()).toEqual(is(it, 'outcome-not-in-books'));
    });

    it('shows an authorisation that a person had said was declined', async () => {
      const { it, pay } = placed();
      pay.started().declined(person);
      it.cancelled('payment-failed');
      expect(await violations()).toEqual([]);
      pay.entered();
      expect(await violations()).toEqual(is(it, 'books-outcome-differs'));
      pay.authorized({ late: true });
      expect(await violations()).toEqual(is(it, 'authorization-left-open'));
    });
  });

  describe('names what does not balance', () => {
    it.each(namesOf(unbalancedAuthorizing))('%s', async (name) => {
      done();
      const [it, ...expected] = unbalancedAuthorizing(history)[name]!();
      // A wrong order unbalances its currency, too.
      const found = (await violations()).filter((violation) => !violation.startsWith('money-unbalanced'));
      expect(found).toEqual(is(it, ...expected));
    });

    it('entries of the books that nobody in the log asked for', async () => {
      const never = history.order();
      authorizing(history, never).entered().captureEntered();
      expect((await violations()).sort()).toEqual(
        (['AuthorizePayment', 'CapturePayment'] as const)
          .map((command) => `books-without-intent ${never.id(command)}`)
          .sort(),
      );
    });
  });
});
