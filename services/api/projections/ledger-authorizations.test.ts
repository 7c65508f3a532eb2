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

  /** A new order and its payment. */
  const placed = () => {
    const it = history.order().created();
    return { it, pay: authorizing(history, it) };
  };
  const authorized = () => {
    const order = placed();
    order.pay.allAuthorized();
    return order;
  };
  const shipped = () => {
    const order = authorized();
    order.it.taken().reserved().shipmentStarted().shipmentEntered().shipped();
    return order;
  };
  const done = () => {
    const order = shipped();
    order.pay.allCaptured();
    order.it.completed();
    return order.it;
  };

  const ways: Record<string, () => void> = {
    'that completed': done,
    'whose authorisation was declined': () => {
      const { it, pay } = placed();
      pay.started().entered(0).declined();
      it.cancelled('payment-failed');
    },
    'whose stock was short': () => {
      const { it, pay } = authorized();
      it.taken().returned();
      pay.allVoided();
      it.cancelled('inventory-failed');
    },
    'cancelled before its authorisation began': () => {
      const { it, pay } = placed();
      pay.voided({ nothing: true });
      it.cancelled('customer-cancelled');
    },
    'whose authorisation was declined, as its void learned': () => {
      const { it, pay } = placed();
      pay.started().entered(0).declined().voided({ nothing: true });
      it.cancelled('payment-unknown');
    },
  };

  it.each(Object.keys(ways))('balances over an order %s', async (name) => {
    ways[name]!();
    expect(await ledger()).toMatchObject({ violations: [], books: { inFlight: 0 }, orders: { open: 0 } });
  });

  it('balances over all of these and orders that are charged at once, and adds up', async () => {
    for (const write of Object.values(ways)) write();
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
    const codes: Record<string, () => [HistoryOrder, ...string[]]> = {
      'a completed order that was never captured': () => {
        const { it } = shipped();
        return [it.completed(), 'completed-without-capture'];
      },
      'a completed order whose authorisation was voided': () => {
        const { it, pay } = shipped();
        pay.allVoided();
        return [it.completed(), 'completed-without-capture'];
      },
      'a completed order captured for less than its total': () => {
        const { it, pay } = shipped();
        pay.captureStarted().captureEntered(400).captured({ amount: 400 });
        return [it.completed(), 'completed-without-payment', 'books-amount-differs'];
      },
      'a cancelled order whose authorisation stayed': () => {
        const { it } = authorized();
        return [it.cancelled('customer-cancelled'), 'authorization-left-open'];
      },
      'a cancelled order that was captured': () => {
        const { it, pay } = authorized();
        pay.allCaptured();
        return [it.cancelled('customer-cancelled'), 'cancelled-but-captured'];
      },
      'a void of captured money': () => {
        const { it, pay } = shipped();
        pay.allCaptured().allVoided();
        return [it.completed(), 'captured-and-voided'];
      },
      'an order that was both charged and authorised': () => {
        const { it, pay } = shipped();
        it.chargeStarted().chargeEntered().charged();
        return [pay && it.completed(), 'authorization-left-open'];
      },
      'an order authorised twice': () => {
        const { it, pay } = authorized();
        pay.authorized();
        return [it, 'authorized-twice'];
      },
      'an order captured twice': () => {
        const { it, pay } = shipped();
        pay.allCaptured().captured();
        return [it, 'charged-twice'];
      },
      'an authorisation that only the log knows': () => {
        const { it, pay } = placed();
        pay.started().authorized();
        return [it, 'outcome-not-in-books'];
      },
      'a capture that only the log knows': () => {
        const { it, pay } = shipped();
        pay.captureStarted().captured();
        return [it, 'outcome-not-in-books'];
      },
      'a void that only the log knows': () => {
        const { it, pay } = authorized();
        pay.voidStarted().voided();
        return [it, 'outcome-not-in-books'];
      },
      'an authorisation of another amount in the books': () => {
        const { it, pay } = placed();
        pay.started().entered(1, 501).authorized();
        return [it, 'books-amount-differs'];
      },
      'a capture of another amount in the books': () => {
        const { it, pay } = shipped();
        pay.captureStarted().captureEntered(499).captured();
        return [it, 'books-amount-differs'];
      },
      'an authorisation that the books say was declined': () => {
        const { it, pay } = placed();
        pay.started().entered(0).authorized();
        return [it, 'books-outcome-differs'];
      },
      'a capture without its intent': () => {
        const { it, pay } = shipped();
        pay.captureEntered().captured();
        return [it, 'books-without-intent'];
      },
      'a capture still out when its order has ended': () => {
        const { it, pay } = shipped();
        pay.captureStarted().captureEntered();
        return [it.completed(), 'completed-without-capture', 'in-flight-after-end'];
      },
      'a void still out when its order has ended': () => {
        const { it, pay } = authorized();
        pay.voidStarted().voidEntered();
        return [it.cancelled('customer-cancelled'), 'authorization-left-open', 'in-flight-after-end'];
      },
    };

    it.each(Object.keys(codes))('%s', async (name) => {
      done();
      const [it, ...expected] = codes[name]!();
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
