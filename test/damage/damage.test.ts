import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { projections } from '@recourse/api/projections/all';
import { historyCheck } from '@recourse/api/verify/history';
import type { EventData } from '@recourse/contracts/events';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import { rewriteRecord } from '@recourse/infra/log/testing/rewrite';
import { headToVerify, verifyLog } from '@recourse/infra/log/verify';
import { findingList } from '@recourse/infra/log/verify-findings';
import type { NewEvent } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { openShop, type Shop } from '../shop.ts';
import {
  codesOf,
  damagedFolders,
  edit,
  type Found,
  firstRow,
  modelFile,
  recordsIn,
  rowsIn,
  saidBy,
  verifyFolder,
} from './folders.ts';
import { closeCaughtUp, shopOfAllWays } from './shop-of-all-ways.ts';

type Advanced = EventData['SagaAdvanced'];

let shop: Shop;
let records: readonly Found[];
const folders = damagedFolders();
beforeAll(async () => {
  shop = await shopOfAllWays();
  records = recordsIn(shop.dataDir);
});
afterEach(folders.clean);
afterAll(() => shop.end());

const copy = () => folders.copyOf(shop.dataDir);
const logOf = (dataDir: string) => join(dataDir, 'log.db');
const last = (type: string) => records.findLast((record) => record.type === type)!;

/** A verification of a copy to which something was done. */
const verifiedAfter = async (change: (dataDir: string) => unknown) => {
  const dataDir = await copy();
  await change(dataDir);
  return verifyFolder(dataDir);
};

/** Changes the data of a record and makes its checksum right. */
const forge = (dataDir: string, { position, data }: Found, change: (data: never) => unknown) => {
  const forged = structuredClone(data);
  change(forged as never);
  rewriteRecord(logOf(dataDir), position, { data: JSON.stringify(forged) });
};

describe('a shop in which orders have gone every way', () => {
  it('is clean, and everything was looked at', async () => {
    const verification = await verifiedAfter(() => {});
    expect(saidBy(verification)).toEqual([]);
    expect(verification).toMatchObject({ state: 'done', verdict: 'clean', error: null });
    const looked = Object.fromEntries(verification.checks.map((check) => [check.name, check.looked]));
    expect(looked.log).toMatchObject({ records: records.length });
    expect(looked.models!.models).toBe(7);
    expect(looked.models!.rows).toBeGreaterThan(50);
    expect(looked.sagas).toMatchObject({
      steps: records.filter(({ type }) => type === 'SagaAdvanced').length,
      sagas: records.filter(({ type }) => type === 'OrderCreated').length,
      unjudged: 0,
    });
    expect(looked.commands).toMatchObject({ waitedFor: 1, lateAnswers: 1 });
    expect(looked.commands!.undone).toBeGreaterThan(0);
    expect(looked.ledger!.entries).toBeGreaterThan(10);
    expect(verification.progress).toMatchObject({ events: records.length, total: records.length });
  });

  it('is clean while a read model is not there, is behind, or is of another version: that is said', async () => {
    const verification = await verifiedAfter((dataDir) => {
      rmSync(join(dataDir, 'read-models', 'revenue.json'));
      edit(dataDir, modelFile(dataDir, 'stock'), 'UPDATE checkpoint SET position = position - 1');
      const pointer = join(dataDir, 'read-models', 'payments.json');
      writeFileSync(pointer, readFileSync(pointer, 'utf8').replace('"version":1', '"version":9'));
    });
    expect(verification.verdict).toBe('clean');
    expect(codesOf(verification)).toEqual({ models: ['model-behind', 'model-outdated', 'model-missing'] });
    expect(saidBy(verification)[0]).toContain(`read model stock shows position ${records.length - 1} only`);
  });
});

describe('with memory for no order', () => {
  const found = (dataDir: string, ordersMax?: number) => {
    const lists = { log: findingList(), sagas: findingList(), commands: findingList() };
    let looked: unknown;
    const path = logOf(dataDir);
    verifyLog(path, headToVerify(path), lists.log, (historyOf) => {
      const check = historyCheck(lists.sagas, lists.commands, historyOf, ordersMax);
      looked = check.looked;
      return { ...check.heard, onProgress: () => {} };
    });
    const said = Object.values(lists).flatMap((list) => list.listed().map(({ detail }) => detail));
    return { said, looked: (looked as () => unknown)() };
  };

  it('the same is looked at, and the same is found: what is open is read again', async () => {
    const dataDir = await copy();
    expect(found(dataDir, 0)).toEqual(found(dataDir));
    expect(found(dataDir, 0).said).toEqual([]);
    forge(dataDir, last('OrderShipped'), (it: Record<string, unknown>) => {
      it.commandId = randomUUID();
    });
    expect(found(dataDir, 0)).toEqual(found(dataDir));
    expect(found(dataDir, 0).said).toHaveLength(2);
  });
});

describe('a log that was damaged', () => {
  it.each([
    ['first', (): number => 1],
    ['middle', (): number => last('InventoryReserved').position],
    ['last', (): number => records.length],
  ] as const)('that has lost its %s record: it is named', async (_, positionOf) => {
    const position = positionOf();
    const { stream, revision } = records[position - 1]!;
    const verification = await verifiedAfter((dataDir) =>
      edit(dataDir, 'log.db', `DELETE FROM records WHERE position = ${position}`),
    );
    expect(verification.verdict).toBe('damage');
    const isLast = position === records.length;
    expect(codesOf(verification).log).toEqual(['record-missing', ...(isLast ? ['end-missing'] : [])]);
    const category = stream.slice(0, stream.indexOf('-'));
    expect(saidBy(verification)).toContainEqual(
      expect.stringMatching(
        new RegExp(`^record ${position} \\(${category}\\S* revision ${revision}\\) is missing`),
      ),
    );
  });

  it('of which a record was changed without its checksum: it is named', async () => {
    const { position } = last('OrderShipped');
    const verification = await verifiedAfter((dataDir) =>
      edit(
        dataDir,
        'log.db',
        `UPDATE records SET data = replace(data, '"shipmentId":"', '"shipmentId":"x') WHERE position = ${position}`,
      ),
    );
    expect(verification.verdict).toBe('damage');
    expect(codesOf(verification).log).toEqual(['record-changed']);
    expect(saidBy(verification)[0]).toMatch(new RegExp(`^record ${position} .*OrderShipped.* checksum`));
  });

  it('that has lost its end as if it had never been there: what beside it knows of more tells', async () => {
    const beyond = records.length + 7;
    const checkpoint = await verifiedAfter((dataDir) =>
      edit(dataDir, 'delivery.db', `UPDATE checkpoint SET position = ${beyond} WHERE grp = 'payment'`),
    );
    expect(checkpoint.verdict).toBe('damage');
    expect(saidBy(checkpoint)).toEqual([
      `log.db ends at record ${records.length}, and delivery.db knows of record ${beyond} (the checkpoint of payment): the log has lost its end, or the two are of different moments`,
    ]);
    const timer = await verifiedAfter((dataDir) =>
      edit(
        dataDir,
        'timers.db',
        `INSERT INTO pending VALUES ('timer', 'order', 'cause', ${beyond}, 'ask', 1000, 0)`,
      ),
    );
    expect(codesOf(timer)).toEqual({ log: ['end-missing'] });
    const unreadable = await verifiedAfter((dataDir) =>
      writeFileSync(join(dataDir, 'timers.db'), 'not a database, however long it is read'),
    );
    expect(codesOf(unreadable)).toEqual({ log: ['beside-unreadable'] });
    expect(unreadable.verdict).toBe('incomplete');
  });

  it('of which nothing can be read: that is damage, too', async () => {
    const verification = await verifiedAfter((dataDir) =>
      edit(dataDir, 'log.db', 'PRAGMA application_id = 7'),
    );
    expect(verification).toMatchObject({ state: 'done', verdict: 'damage' });
    expect(codesOf(verification)).toEqual({ log: ['file-unreadable'] });
  });
});

describe('read models of which rows were edited', () => {
  const tables = projections.flatMap(({ name, tables }) =>
    Object.entries(tables).map(([table, { columns }]) => ({ name, table, columns: Object.keys(columns) })),
  );
  /** Every table that has rows. */
  const filled = (dataDir: string): typeof tables =>
    tables.filter(({ name, table }) => rowsIn(dataDir, modelFile(dataDir, name), table) > 0);

  it.each([
    ['a value', 'row-differs', (table: string, column: string) => `UPDATE ${table} SET ${column} = 'edited'`],
    ['a row less', 'row-missing', (table: string) => `DELETE FROM ${table}`],
  ] as const)('%s, in each table: the table, the key and the column are named', async (_, code, sqlOf) => {
    let edited: typeof tables = [];
    const verification = await verifiedAfter((dataDir) => {
      edited = filled(dataDir);
      for (const { name, table, columns } of edited) {
        const { where } = firstRow(dataDir, modelFile(dataDir, name), table);
        edit(dataDir, modelFile(dataDir, name), `${sqlOf(table, columns.at(-1)!)} WHERE ${where}`);
      }
    });
    expect(edited.length).toBeGreaterThan(12);
    expect(verification.verdict).toBe('drift');
    const { findings, counts } = verification.checks.find(({ name }) => name === 'models')!;
    expect(counts.drift).toBe(edited.length);
    for (const { name, table, columns } of edited) {
      const value =
        code === 'row-differs' ? `: ${columns.at(-1)} is 'edited', not ` : ' is missing: the fold';
      const detail = expect.stringContaining(value);
      const subject = expect.stringMatching(`^${name}\\.${table} \\w+=`);
      expect(findings).toContainEqual(expect.objectContaining({ code, subject, detail }));
    }
  });

  it('a long value: it is shown where it parts from the other', async () => {
    const verification = await verifiedAfter((dataDir) => {
      const file = modelFile(dataDir, 'sagas');
      const { where } = firstRow(dataDir, file, 'sagas');
      edit(dataDir, file, `UPDATE sagas SET flags = '["${'x'.repeat(5_000)}"]' WHERE ${where}`);
    });
    const [said] = saidBy(verification);
    expect(said).toContain(`: flags is '["xxx`);
    expect(said).toContain("…, not '[]', as the fold of the log");
    expect(said!.length).toBeLessThan(500);
  });

  it('a row more, and an index that has not what its table has', async () => {
    const verification = await verifiedAfter((dataDir) => {
      edit(dataDir, modelFile(dataDir, 'orders'), "INSERT INTO counts VALUES ('dreaming', 1)");
      const file = modelFile(dataDir, 'sagas');
      const hidden =
        "UPDATE sqlite_schema SET sql = replace(sql, '(state)', '(sagaId)') WHERE name = 'sagas_1'";
      edit(dataDir, file, `PRAGMA writable_schema = ON; ${hidden}`);
    });
    expect(verification.verdict).toBe('drift');
    expect(codesOf(verification)).toEqual({ models: ['row-extra', 'model-structure'] });
    expect(saidBy(verification)[0]).toContain("row orders.counts state='dreaming' is there");
  });

  it('a file that cannot be read at all', async () => {
    const verification = await verifiedAfter((dataDir) => {
      writeFileSync(join(dataDir, modelFile(dataDir, 'payments')), 'no database at all, '.repeat(500));
    });
    expect(verification.verdict).toBe('drift');
    expect(codesOf(verification)).toEqual({ models: ['model-unreadable'] });
  });
});

describe('books that were edited', () => {
  it.each([
    [
      'an amount',
      'gateway',
      'UPDATE charges SET amount = amount + 1 WHERE rowid = 1',
      'books-amount-differs',
    ],
    ['an entry away', 'gateway', 'DELETE FROM refunds WHERE rowid = 1', 'outcome-not-in-books'],
    ['an outcome', 'carrier', 'UPDATE shipments SET accepted = 0 WHERE rowid = 1', 'books-outcome-differs'],
    ['a key', 'carrier', "UPDATE shipments SET key = 'other' WHERE rowid = 1", 'books-without-intent'],
  ])('%s: it is named', async (_, name, sql, code) => {
    const verification = await verifiedAfter((dataDir) => edit(dataDir, `simulated/${name}.db`, sql));
    expect(verification.verdict).toBe('drift');
    expect(codesOf(verification).ledger).toContain(code);
    expect(Object.keys(codesOf(verification))).toEqual(['ledger']);
  });
});

describe('sagas that were edited, their checksums made right', () => {
  /** A step in the middle of an order's way. */
  const advanced = (): Found =>
    records.findLast(({ data }) => (data as Partial<Advanced>).input?.type === 'InventoryReserved')!;

  it.each([
    [
      'the state',
      (it: Advanced) => {
        it.state.value = 'refunding';
      },
      'state.value is "refunding", the machine gives "shipping"',
    ],
    [
      'what it waits for',
      (it: Advanced) => {
        it.state.context.outstanding!.asks = 3;
      },
      'state.context.outstanding.asks is 3',
    ],
    [
      'a command',
      (it: Advanced) => {
        it.commands[0]!.data = { country: 'France' };
      },
      'commands[0].data.country is "France"',
    ],
    [
      'a timer',
      (it: Advanced) => {
        it.timers.set = [];
      },
      'timers.set[0] is nothing',
    ],
    [
      'the machine',
      (it: Advanced) => {
        it.machine.version = 2;
      },
      'machine.version is 2, the machine gives 1',
    ],
    [
      'its input',
      (it: Advanced) => {
        it.input.revision = 0;
      },
      'the log does not hold that before it',
    ],
  ] as const)('%s: the step is named, and it alone', async (_, change, said) => {
    const record = advanced();
    const verification = await verifiedAfter((dataDir) =>
      forge(dataDir, record, change as (data: never) => void),
    );
    expect(verification.verdict).toBe('drift');
    const { findings } = verification.checks.find(({ name }) => name === 'sagas')!;
    expect(findings).toHaveLength(1);
    expect(findings[0]!.detail).toContain(`record ${record.position} (saga-`);
    expect(findings[0]!.detail).toContain(said);
  });

  it('a step from which those after it follow: it is named, and it alone', async () => {
    const first = advanced();
    const later = records.filter(
      ({ stream, revision, type }) =>
        type === 'SagaAdvanced' && stream === first.stream && revision >= first.revision,
    );
    const verification = await verifiedAfter((dataDir) => {
      for (const record of later)
        forge(dataDir, record, (it: Advanced) => {
          it.state.context.cancelRequested = true;
        });
    });
    const { findings } = verification.checks.find(({ name }) => name === 'sagas')!;
    expect(later.length).toBeGreaterThan(2);
    expect(findings.map(({ subject }) => subject)).toEqual([
      expect.stringMatching(new RegExp(`^saga-\\S+ revision ${first.revision}$`)),
    ]);
  });

  it('durations are configuration: not compared', async () => {
    const verification = await verifiedAfter((dataDir) =>
      forge(dataDir, advanced(), (it: Advanced) => {
        it.timers.set[0]!.afterMs = 4711;
      }),
    );
    expect(verification.verdict).toBe('clean');
  });

  it('a machine that this build does not know, and data that no build has written', async () => {
    const unknown = await verifiedAfter((dataDir) =>
      forge(dataDir, advanced(), (it: Advanced) => {
        it.machine.version = 9;
      }),
    );
    expect(unknown.verdict).toBe('incomplete');
    expect(codesOf(unknown)).toEqual({ sagas: ['unknown-saga-version'] });
    const nonsense = await verifiedAfter((dataDir) =>
      rewriteRecord(logOf(dataDir), advanced().position, { data: '[]' }),
    );
    expect(nonsense.verdict).toBe('drift');
    expect(codesOf(nonsense).sagas).toEqual(['data-unreadable']);
  });
});

describe('answers', () => {
  it('that were doubled: the second is named', async () => {
    const answer = last('InventoryReserved');
    const verification = await verifiedAfter(async (dataDir) => {
      const log = openSqliteLog({ path: logOf(dataDir), clock: systemClock });
      const stream = (await log.readAll(answer.position - 1, 1))[0]!.stream;
      const { correlation } = (await log.readAll(answer.position - 1, 1))[0]!;
      const again = {
        type: 'InventoryReserved',
        data: answer.data,
        id: randomUUID(),
        correlation,
        causation: correlation,
      };
      await log.append(stream, answer.revision, [again as unknown as NewEvent]);
      await log.close();
    });
    expect(verification.verdict).toBe('drift');
    expect(codesOf(verification).commands).toEqual(['answered-twice']);
    expect(saidBy(verification)).toContainEqual(
      expect.stringContaining(`record ${records.length + 1} (inventory-`),
    );
  });

  it('that were removed, so that nothing else shows it: the command is named', async () => {
    // No timer that fires meanwhile may be the last record.
    const small = await openShop({ flags: { askDelaysMs: '60000' } });
    await small.placeAndWait();
    await closeCaughtUp(small);
    const [completed, end] = recordsIn(small.dataDir).slice(-2);
    expect([completed!.type, end!.type]).toEqual(['OrderCompleted', 'SagaAdvanced']);
    const { position } = completed!;
    edit(
      small.dataDir,
      'log.db',
      `DELETE FROM records WHERE position = ${position}`,
      `UPDATE heads SET head = 0, position = (SELECT r.position FROM records r WHERE r.stream = heads.stream)
       WHERE position = ${position}`,
      `UPDATE heads SET position = ${position} WHERE position = ${position + 1}`,
    );
    rewriteRecord(logOf(small.dataDir), position + 1, { position });
    edit(small.dataDir, 'delivery.db', `UPDATE checkpoint SET position = min(position, ${position})`);
    const verification = await verifyFolder(small.dataDir);
    await small.end();
    expect(codesOf(verification).log).toBeUndefined();
    expect(verification.verdict).toBe('drift');
    expect(codesOf(verification)).toMatchObject({
      models: ['model-ahead'],
      sagas: ['saga-input-missing'],
      commands: ['command-unanswered'],
    });
    const issued = /^the CompleteOrder that record \d+ \(saga-\S+\) issued has no answer/;
    expect(saidBy(verification)).toContainEqual(expect.stringMatching(issued));
  });

  it('that name a command which was never issued, or is another', async () => {
    const answer = last('OrderShipped');
    const sameOrder = answer.stream.replace('shipping-', 'inventory-');
    const other = records.findLast(({ stream }) => stream === sameOrder)!.data.commandId;
    for (const [commandId, code] of [
      [randomUUID(), 'answer-to-nothing'],
      [other, 'answer-misfits'],
    ] as const) {
      const verification = await verifiedAfter((dataDir) =>
        forge(dataDir, answer, (it: Record<string, unknown>) => {
          it.commandId = commandId;
        }),
      );
      expect(verification.verdict).toBe('drift');
      expect(codesOf(verification).commands).toContain(code);
      expect(codesOf(verification).commands).toContain('command-unanswered');
    }
  });
});
