import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { openLeases } from '@recourse/infra/postgres/leases';
import {
  openPostgresProjector,
  type PostgresProjector,
} from '@recourse/infra/postgres/projections/projector';
import { quoted, tableName } from '@recourse/infra/postgres/projections/tables';
import { systemClock as clock } from '@recourse/infra/system';
import { describeOnStack, type FreshDatabase, freshDatabase, silent } from '../../test/stack/kit.ts';
import { projections } from './projections/all.ts';
import { inPostgres } from './projections/testing/engines.ts';
import { type History, type HistoryOrder, openHistory, orderIdOf } from './projections/testing/history.ts';
import { listsContract } from './projections/testing/lists-contract.ts';
import { rowsContract } from './query/testing/rows-contract.ts';
import { type EmbeddedReadModels, openReadModels, type ReadModels } from './read-models.ts';
import { openPostgresReadModels } from './read-models-postgres.ts';

describeOnStack('the lists of the read models in PostgreSQL', () => listsContract(inPostgres));

describeOnStack('rows as they are now, in PostgreSQL', () => {
  const { engine } = rowsContract(inPostgres);

  it('are not shown as they were: that is said, with what to do', async () => {
    await expect(engine().queries.prepare('orders', { asOf: '1' })).rejects.toMatchObject({
      code: 'not-in-distributed',
      message: expect.stringContaining('ask without asOf'),
    });
  });
});

describeOnStack('read models on both engines', () => {
  let dataDir: string;
  let database: FreshDatabase;
  let history: History;
  let embedded: EmbeddedReadModels;
  let stored: ReadModels;
  let projector: PostgresProjector;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'recourse-engines-'));
    database = await freshDatabase();
    history = openHistory(dataDir);
    const { postgres } = database;
    const { log } = history;
    projector = startProjector();
    embedded = await openReadModels({ dataDir, logPath: history.logPath, log });
    const ledger = async () => {
      throw new Error('not here');
    };
    stored = openPostgresReadModels({ postgres, log, clock, logger: silent, ledger });
  });
  afterEach(async () => {
    await projector.close();
    await stored.close();
    await embedded.close();
    await history.close();
    await database.drop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const startProjector = () => {
    const shared = { postgres: database.postgres, log: history.log, clock, logger: silent };
    return openPostgresProjector({ ...shared, projections, leases: openLeases(shared) });
  };
  const rowsInSqlite = (name: string, version: number, table: string, key: readonly string[]) => {
    const db = new DatabaseSync(join(dataDir, 'read-models', `${name}-v${version}.db`), { readOnly: true });
    try {
      return db.prepare(`select * from ${table} order by ${key.join(', ')}`).all();
    } finally {
      db.close();
    }
  };
  const rowsInPostgres = (name: string, version: number, table: string, key: readonly string[]) =>
    database.postgres.query(
      `select * from ${tableName(name, { version, build: 0 }, table)} order by ${key.map(quoted).join(', ')}`,
    );

  it('are the same, row for row', async () => {
    const halfway: HistoryOrder[] = [];
    history.receive('TEA', 1_000);
    history.receive('Ä', 1_000);
    for (let n = 1; n <= 60; n += 1) {
      const order = history.order({
        orderId: orderIdOf(n),
        ...(n % 3 > 0 && { customerId: `c${n % 5}` }),
        currency: n % 2 === 0 ? 'GBP' : 'EUR',
        lines: [
          ['TEA', 1 + (n % 3), 250],
          ['Ä', 1, 1],
        ],
      });
      if (n % 7 === 0) order.created().saga('paying', 'ProcessPayment').chargeStarted();
      else if (n % 5 === 0) order.inStock().givenBack('shipping-failed', { stock: true });
      else if (n % 4 === 0) halfway.push(order.paid());
      else order.done();
      if (n % 20 > 0) continue;
      // Whoever takes up has none of the rows in memory that come next.
      await stored.waitFor(await history.settled());
      await projector.close();
      projector = startProjector();
    }
    for (const order of halfway) order.sentFromHere();
    const head = await history.settled();
    await Promise.all([embedded.waitFor(head), stored.waitFor(head)]);
    let counted = 0;
    for (const { name, version, tables } of projections)
      for (const [table, { key }] of Object.entries(tables)) {
        const ours = await rowsInPostgres(name, version, table, key);
        counted += ours.length;
        expect([name, table, ours.map((it) => ({ ...it }))]).toEqual([
          name,
          table,
          rowsInSqlite(name, version, table, key).map((it) => ({ ...it })),
        ]);
      }
    expect(counted).toBeGreaterThan(400);
  });
});
