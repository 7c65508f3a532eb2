import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from '@jest/globals';
import { openSqliteLogReader } from '@recourse/infra/log/reader';
import { replayInto } from '@recourse/infra/project/replay';
import { customersProjection } from './testing/customers.ts';
import { folded, startedAt } from './testing/folded.ts';
import { openHistory } from './testing/history.ts';

const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');

/** The worked example of docs/add-a-projection.md. */
describe('the example of a new projection', () => {
  it('stands in the docs as it is', async () => {
    const docs = await read('../../../docs/add-a-projection.md');
    const files = [...docs.matchAll(/```ts\n\/\/ services\/api\/projections\/customers\.ts\n([\s\S]*?)```/g)];
    expect(files.map(([, text]) => text)).toEqual([await read('./testing/customers.ts')]);
  });

  it('shows the line that registers it where the others are registered', async () => {
    const [docs, all] = await Promise.all([read('../../../docs/add-a-projection.md'), read('./all.ts')]);
    const shown = /```diff\n([\s\S]*?)```/.exec(docs)?.[1]?.split('\n').slice(0, -1) ?? [];
    const added = shown.filter((line) => line.startsWith('+')).map((line) => line.slice(1));
    expect(added).toEqual([
      "import { customersProjection } from './customers.ts';",
      '  customersProjection,',
    ]);
    const kept = shown.filter((line) => !line.startsWith('+')).map((line) => line.slice(1));
    expect(kept.length).toBeGreaterThan(1);
    for (const line of kept) expect(`\n${all}`).toContain(`\n${line}\n`);
  });

  it('folds as the docs say', () => {
    const rows = folded(
      customersProjection,
      ['OrderCreated', { customerId: 'ann' }],
      ['OrderCompleted', { commandId: 'c', cancellationRefused: false }],
    );
    expect(rows('customers')).toEqual([
      { customerId: 'ann', orders: 1, completed: 1, cancelled: 0, lastOrderAt: startedAt },
    ]);
  });

  it('folds a log into a file', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'recourse-example-'));
    const history = openHistory(dataDir);
    history.order({ customerId: 'ann' }).done();
    history.order({ customerId: 'bob' }).paid().givenBack('customer-cancelled', { stock: false });
    history.order({ customerId: 'ann' }).paid();
    history.order().done();
    const head = await history.settled();
    const source = openSqliteLogReader(history.logPath);
    const replayed = replayInto(join(dataDir, 'example'), [customersProjection], source, head);
    replayed.close();
    source.close();
    const db = new DatabaseSync(replayed.files.customers!.path, { readOnly: true });
    expect(db.prepare('select customerId, orders, completed, cancelled from customers').all()).toEqual([
      { customerId: 'ann', orders: 2, completed: 1, cancelled: 0 },
      { customerId: 'bob', orders: 1, completed: 0, cancelled: 1 },
    ]);
    db.close();
    await history.close();
    await rm(dataDir, { recursive: true, force: true });
  });
});
