import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openShop, type Shop, until } from '../../../test/shop.ts';
import { runRecourse } from '../testing/run-recourse.ts';

// Each test runs processes, and the machine may be busy.
let shop: Shop;
beforeAll(async () => {
  shop = await openShop({
    flags: { askDelaysMs: '600000' },
    overrides: { wrapCarrier: (carrier) => ({ ...carrier, ship: () => new Promise(() => {}) }) },
  });
  for (let count = 0; count < 3; count += 1) {
    const id = await shop.place();
    await until(
      () => shop.saga(id),
      ({ state }) => state === 'shipping',
    );
  }
});
afterAll(() => shop.end());

const run = (...args: string[]) => runRecourse(['versions', ...args, '--url', shop.url]);

describe('recourse versions', () => {
  it('says which version open sagas run on, and on which new orders begin', async () => {
    const { code, stdout, stderr } = await run();
    expect({ code, stderr }).toEqual({ code: 0, stderr: `From the server at ${shop.url}.\n` });
    expect(stdout).toMatch(/v1 +shipping +3\n/);
    expect(stdout).toContain('Of a hundred new orders 100 begin on v1.');
  });

  it('plans, moves and puts back, in batches, as the server does', async () => {
    const plan = await run('plan', '--to', 'v2');
    expect(plan.stdout).toContain('To v2: 3 sagas of 3 open can move, 0 cannot.');
    const moved = await run('migrate', '--to', 'v2', '--batch', '1', '--note', 'deploy 7', '--json');
    expect(JSON.parse(moved.stdout)).toEqual({
      open: 3,
      examined: 3,
      nextCursor: null,
      moved: [{ from: 1, state: 'shipping', to: 'shipping', count: 3 }],
      movedOn: 0,
      pending: 0,
      cannotMove: [],
    });
    const back = await run('migrate', '--undo');
    expect(back).toMatchObject({ code: 0, stdout: expect.stringContaining('3 sagas put back.') });
  });

  it.each([
    [['plan'], "required option '--to <version>' not specified"],
    [['plan', '--to', 'two'], '--to is "two": it must be a version, such as v2.'],
    [['plan', '--to', '9'], '(unknown-version): There is no version 9: there are 1, 2.'],
    [['migrate'], 'Say either --to <version>, or --undo.'],
    [['migrate', '--to', '2', '--undo'], 'Say either --to <version>, or --undo.'],
    [['migrate', '--to', '2', '--batch', '0'], '--batch is "0": it must be a whole number from 1 to 5000.'],
  ])('%j is refused', async (args, message) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(message);
  });

  it('reads the data folder itself where no server runs, and moves nothing there', async () => {
    await shop.close();
    const inFolder = (...args: string[]) => runRecourse(['versions', ...args, '--data-dir', shop.dataDir]);
    const listed = await inFolder();
    expect(listed.stdout).toMatch(/v1 +shipping +3\n/);
    expect(listed.stderr).toContain('no server runs there');
    const plan = await inFolder('plan', '--to', 'v2', '--json');
    expect(JSON.parse(plan.stdout).canMove).toEqual([
      { from: 1, state: 'shipping', to: 'shipping', count: 3 },
    ]);
    const moved = await inFolder('migrate', '--to', 'v2');
    expect(moved).toMatchObject({ code: 1, stdout: '' });
    expect(moved.stderr).toContain('A migration needs a running server');
  });
});
