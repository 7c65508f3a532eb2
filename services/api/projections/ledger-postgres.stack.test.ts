import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { Ledger } from '@recourse/contracts/http';
import { UnavailableError } from '@recourse/infra/errors';
import { openSqliteLogReader } from '@recourse/infra/log/reader';
import type { Postgres } from '@recourse/infra/postgres/connect';
import { openLeases } from '@recourse/infra/postgres/leases';
import {
  openPostgresProjector,
  type PostgresProjector,
} from '@recourse/infra/postgres/projections/projector';
import { openFolding } from '@recourse/infra/project/fold';
import { systemClock as clock } from '@recourse/infra/system';
import { describeOnStack, type FreshDatabase, freshDatabase, silent } from '../../../test/stack/kit.ts';
import { ledgerProjection } from './ledger.ts';
import { computeLedger } from './ledger-compare.ts';
import { postgresLedger } from './ledger-postgres.ts';
import { authorizing } from './testing/authorizing.ts';
import { type History, openHistory, orderIdOf } from './testing/history.ts';
import {
  authorizingOrders,
  balanced,
  balancedAuthorizing,
  unbalanced,
  unbalancedAuthorizing,
} from './testing/ledger-histories.ts';

describeOnStack('the ledger over PostgreSQL', () => {
  let dataDir: string;
  let database: FreshDatabase;
  let history: History;
  let projector: PostgresProjector;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'recourse-ledger-'));
    database = await freshDatabase();
    history = openHistory(dataDir);
    history.receive('TEA', 1_000);
    projector = projecting();
  });
  afterEach(async () => {
    await projector.close();
    await history.close();
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const projecting = () => {
    const { postgres } = database;
    const leases = openLeases({ postgres, clock, logger: silent });
    const projections = [ledgerProjection];
    return openPostgresProjector({ postgres, log: history.log, projections, leases, clock, logger: silent });
  };

  /** Brings what was entered into the files into the tables. */
  const enterAll = async () => {
    const copy = async (file: DatabaseSync, table: string) => {
      const rows = file.prepare(`select * from ${table}`).all();
      await database.postgres.query(`delete from simulated_${table}`);
      await database.postgres.query(
        `insert into simulated_${table} overriding system value
         select * from json_populate_recordset(null::simulated_${table}, $1)`,
        [JSON.stringify(rows)],
      );
    };
    for (const table of ['charges', 'refunds', 'authorizations', 'captures', 'voids'])
      await copy(history.gateway, table);
    for (const table of ['shipments', 'cancellations']) await copy(history.carrier, table);
  };
  const inPostgres = async (postgres: Postgres = database.postgres): Promise<Ledger> => {
    await history.settled();
    return postgresLedger({ postgres, log: history.log, clock })();
  };
  const inFiles = async (): Promise<Ledger> => {
    await history.settled();
    const source = openSqliteLogReader(history.logPath);
    const folding = openFolding(join(dataDir, 'read-models'), [ledgerProjection], source);
    const simulated = join(dataDir, 'simulated');
    const books = { gateway: join(simulated, 'gateway.db'), carrier: join(simulated, 'carrier.db') };
    const computed = computeLedger(folding, books);
    folding.close();
    return computed;
  };

  const stillOpen = () => {
    history.order().created().chargeStarted().chargeEntered();
    history.order().inStock().shipmentStarted().shipmentEntered();
    authorizingOrders(history).shipped().pay.captureStarted().captureEntered();
    history.order({ currency: 'EUR', lines: [['TEA', 1, 2 ** 53 - 1]] }).paid();
    history.order({ currency: 'EUR', lines: [['TEA', 1, 2 ** 53 - 1]] }).done();
  };

  it('is that of the files, where all balances', async () => {
    for (const write of Object.values(balanced(history))) write();
    for (const write of Object.values(balancedAuthorizing(history))) write();
    stillOpen();
    await enterAll();
    const expected = await inFiles();
    expect(expected).toMatchObject({ violations: [], orders: { open: 4 }, books: { inFlight: 3 } });
    expect(await inPostgres()).toEqual(expected);
  });

  it('is that of the files, whatever does not balance', async () => {
    const planted = { ...unbalanced(history), ...unbalancedAuthorizing(history) };
    const codes = Object.values(planted).flatMap((write) => write().slice(1) as string[]);
    const never = history.order();
    never.chargeEntered().refundEntered().shipmentEntered().cancellationEntered();
    authorizing(history, never).entered().captureEntered();
    const receiptId = orderIdOf(9_999) as never;
    for (const sku of ['CUP', 'BOWL'])
      history.append(`stock-${sku}` as never, receiptId, 'StockReceived', {
        receiptId,
        quantity: 10,
        onHand: 9,
      });
    stillOpen();
    await enterAll();
    const expected = await inFiles();
    expect(new Set(expected.violations.map(({ code }) => code))).toEqual(
      new Set([...codes, 'money-unbalanced', 'stock-unbalanced']),
    );
    expect(await inPostgres()).toEqual(expected);
  });

  it('lists a thousand violations at most, of whatever kind, as that of the files does', async () => {
    for (let n = 0; n < 1_010; n += 1) {
      if (n % 2 === 0) history.order().chargeEntered();
      else history.order().created().chargeStarted().chargeFailed().cancelled('payment-failed');
    }
    await enterAll();
    const expected = await inFiles();
    expect(expected.violations.at(-1)).toMatchObject({ code: 'more-violations' });
    expect(await inPostgres()).toEqual(expected);
  });

  /** A pool that does something more when the first snapshot has been taken. */
  const whenSeen = (run: () => Promise<void> | void): Postgres => {
    let snapshots = 0;
    return {
      ...database.postgres,
      transaction: async (...args) => {
        const result = await database.postgres.transaction(...args);
        snapshots += 1;
        if (snapshots === 1) await run();
        return result;
      },
    };
  };

  it('looks again at what the books knew before the accounts did', async () => {
    const [begun, answered, never] = [history.order(), history.order(), history.order()];
    for (const it of [begun, answered, never]) it.created();
    answered.chargeStarted();
    for (const it of [begun, answered, never]) it.chargeEntered();
    await enterAll();
    const before = Number((await inFiles()).position);
    const computed = await inPostgres(
      whenSeen(async () => {
        begun.chargeStarted();
        answered.charged();
        await history.settled();
      }),
    );
    expect(computed).toMatchObject({ orders: { open: 3 }, books: { charges: 3, inFlight: 1 } });
    expect(Number(computed.position)).toBe(before);
    expect(computed.violations).toMatchObject([
      { code: 'books-without-intent', subject: never.id('ProcessPayment') },
    ]);
  });

  it('takes no outcome for missing in the books that came after them', async () => {
    const it = history.order().created().chargeStarted();
    await enterAll();
    const computed = await inPostgres(
      whenSeen(async () => {
        it.chargeEntered().charged();
        await history.settled();
        await enterAll();
      }),
    );
    expect(computed).toMatchObject({ books: { charges: 0, inFlight: 0 }, violations: [] });
    expect(await inPostgres()).toMatchObject({ books: { charges: 1, inFlight: 0 }, violations: [] });
  });

  it('misses no entry of what another program has done, whose books are elsewhere', async () => {
    const { postgres } = database;
    const foreign = new Set(['shipping'] as const);
    history.order().inStock().shipped().completed();
    history.order().done();
    const wrong = history.order().inStock().shipmentStarted().shipped();
    await enterAll();
    await history.settled();
    expect(await postgresLedger({ postgres, log: history.log, clock, foreign })()).toMatchObject({
      books: { charges: 3, shipments: 1, inFlight: 0 },
      violations: [{ code: 'outcome-not-in-books', subject: wrong.orderId }],
    });
    expect((await inPostgres()).violations).toHaveLength(2);
  });

  it('counts the money that another program has moved, whose books are elsewhere', async () => {
    const { postgres } = database;
    const foreign = new Set(['payment'] as const);
    const ledger = postgresLedger({ postgres, log: history.log, clock, foreign });
    const charged = () => history.order().created().saga('paying', 'ProcessPayment').charged();
    const kept = charged().saga('reserving', 'ReserveInventory').reservationStarted().taken().reserved();
    kept.saga('shipping', 'ShipOrder').shipmentStarted().shipmentEntered().shipped();
    kept.saga('completing', 'CompleteOrder').completed().saga('completed');
    charged().refunded().cancelled('inventory-failed').saga('cancelled');
    const declined = history.order().created().saga('paying', 'ProcessPayment').chargeFailed();
    declined.cancelled('payment-failed').saga('cancelled');
    await enterAll();
    await history.settled();
    expect(await ledger()).toMatchObject({
      money: [{ captured: 2 * kept.total, refunded: kept.total, completed: kept.total, held: 0 }],
      books: { charges: 0, refunds: 0, shipments: 1, inFlight: 0 },
      violations: [],
    });
    expect((await inPostgres()).violations).toHaveLength(3);

    const lost = charged();
    lost.cancelled('inventory-failed').saga('cancelled');
    await history.settled();
    const { violations } = await ledger();
    expect(violations.map(({ subject }) => subject)).toEqual(expect.arrayContaining(['GBP', lost.orderId]));
  });

  it('is computed once for all who ask at the same time, and anew for who asks while it is', async () => {
    let snapshots = 0;
    const counted: Postgres = {
      ...database.postgres,
      transaction: (...args) => {
        snapshots += 1;
        return database.postgres.transaction(...args);
      },
    };
    await history.settled();
    const ledger = postgresLedger({ postgres: counted, log: history.log, clock });
    const first = [ledger(), ledger(), ledger()];
    await Promise.resolve();
    const later = ledger();
    expect(new Set(await Promise.all(first)).size).toBe(1);
    await later;
    expect(snapshots).toBe(4);
  });

  it('says that it is not there where nobody fills the accounts', async () => {
    await history.settled();
    await postgresLedger({ postgres: database.postgres, log: history.log, clock })();
    await projector.close();
    history.order().done();
    await history.settled();
    const ledger = postgresLedger({ postgres: database.postgres, log: history.log, clock, waitMsMax: 200 });
    await expect(ledger()).rejects.toBeInstanceOf(UnavailableError);
  });
});
