import { readdir } from 'node:fs/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Verification } from '@recourse/contracts/http-verification';
import { runRecourse } from '@recourse/host/testing/run-recourse';
import { openShop, type Shop, until } from '../shop.ts';
import { codesOf, damagedFolders, edit, modelFile, recordsIn, saidBy, verifyFolder } from './folders.ts';
import { closeCaughtUp, shopOfAllWays } from './shop-of-all-ways.ts';

const folders = damagedFolders();
let shop: Shop | undefined;
afterEach(async () => {
  await shop?.end();
  shop = undefined;
  await folders.clean();
});

const shown = async (it: Shop, id: string) =>
  (await it.get(`/verifications/${id}`)).body as unknown as Verification;

/** Verifies over HTTP, to the end. */
const verified = async (it: Shop) => {
  const { status, body, headers } = await it.post('/verifications');
  const { verificationId } = body as unknown as Verification;
  expect([status, headers.get('location')]).toEqual([202, `/verifications/${verificationId}`]);
  return until(
    () => shown(it, verificationId),
    ({ state }) => state !== 'running',
  );
};

describe('verifying over HTTP', () => {
  it('is clean while orders come in and end, and looks up to the head at its start', async () => {
    shop = await openShop();
    const ordering = shop;
    let stopped = false;
    const placing = (async () => {
      for (let n = 0; !stopped; n += 1) {
        const paymentToken = n % 5 === 0 ? 'tok_declined' : 'tok_accepted';
        await ordering.placeAndWait({ paymentToken });
      }
    })();
    for (let time = 0; time < 3; time += 1) {
      const before = await shop.recourse.log.head();
      const verification = await verified(shop);
      expect(saidBy(verification)).toEqual([]);
      expect(verification.verdict).toBe('clean');
      expect(Number(verification.head)).toBeGreaterThanOrEqual(before);
      expect(Number(verification.head)).toBeLessThan(await shop.recourse.log.head());
    }
    stopped = true;
    await placing;
  });

  it('is done one at a time; reports are kept, and others are not known', async () => {
    shop = await openShop();
    const [first, second] = await Promise.all([shop.post('/verifications'), shop.post('/verifications')]);
    expect([first.status, second.status].sort()).toEqual([202, 409]);
    expect([first, second].find(({ status }) => status === 409)!.body.code).toBe('verification-running');
    const { verificationId } = [first, second].find(({ status }) => status === 202)!
      .body as unknown as Verification;
    const { dataDir } = shop;
    await until(
      () => shown(shop!, verificationId),
      ({ state }) => state === 'done',
    );
    expect((await verified(shop)).verificationId).not.toBe(verificationId);
    expect((await shown(shop, verificationId)).verdict).toBe('clean');
    expect((await shop.get('/verifications/none')).body.code).toBe('not-found');
    expect((await readdir(dataDir)).filter((name) => name.startsWith('verification-'))).toEqual([]);
  });

  it('finds a read model that was edited while it serves', async () => {
    shop = await openShop();
    const { orderId } = await shop.placeAndWait();
    await verified(shop);
    edit(
      shop.dataDir,
      modelFile(shop.dataDir, 'orders'),
      `UPDATE orders SET total = 1 WHERE orderId = '${orderId}'`,
    );
    const verification = await verified(shop);
    expect(verification.verdict).toBe('drift');
    expect(saidBy(verification)).toEqual([
      expect.stringMatching(/^row orders\.orders position=\d+: total is 1, not 250, as/),
    ]);
  });
});

describe('sagas of version 2, and those that have moved', () => {
  it('are clean', async () => {
    shop = await shopOfAllWays({ sagaVersion: '2' });
    const verification = await verifyFolder(shop.dataDir);
    expect(saidBy(verification)).toEqual([]);
    expect(verification.verdict).toBe('clean');
    expect(recordsIn(shop.dataDir).some(({ type }) => type === 'PaymentCaptured')).toBe(true);
  });

  it('are clean after a migration and after its undo', async () => {
    shop = await openShop({ flags: { askDelaysMs: '60000' } });
    const orderId = await shop.place({ country: 'ZZ-down' });
    await until(
      () => shop!.saga(orderId),
      ({ state }) => state === 'shipping',
    );
    await shop.post('/versions/migrations', { to: 2 });
    await until(
      () => shop!.saga(orderId),
      ({ machine }) => machine?.version === 2,
    );
    await shop.post('/versions/migrations/undo', {});
    await until(
      () => shop!.saga(orderId),
      ({ machine }) => machine?.version === 1,
    );
    await closeCaughtUp(shop);
    const verification = await verifyFolder(shop.dataDir);
    expect(saidBy(verification)).toEqual([]);
    expect(verification.checks.find(({ name }) => name === 'sagas')!.looked.migrations).toBe(2);
  });
});

describe('recourse verify', () => {
  it('leaves with 0 where all is clean, 2 on drift, 3 on damage, and says which and where from', async () => {
    shop = await openShop();
    await shop.placeAndWait();
    const { url, dataDir } = shop;
    const running = await runRecourse(['verify', '--url', url]);
    expect([running.code, running.stderr]).toEqual([0, expect.stringContaining(`From the server at ${url}`)]);
    await shop.close();

    const clean = await runRecourse(['verify', '--data-dir', dataDir]);
    expect(clean).toMatchObject({ code: 0, stderr: expect.stringContaining('(no server runs there)') });
    expect(clean.stdout).toMatch(/│ log +│ \d+ records, \d+ streams +│ +– │/);
    expect(clean.stdout).toContain('Clean: ');

    const drifted = await folders.copyOf(dataDir);
    edit(drifted, 'simulated/gateway.db', 'DELETE FROM charges');
    const drift = await runRecourse(['verify', '--data-dir', drifted, '--json']);
    expect(drift.code).toBe(2);
    expect(codesOf(JSON.parse(drift.stdout) as Verification)).toEqual({ ledger: ['outcome-not-in-books'] });

    const damaged = await folders.copyOf(dataDir);
    edit(damaged, 'log.db', 'DELETE FROM records WHERE position = (SELECT max(position) FROM records)');
    const damage = await runRecourse(['verify', '--data-dir', damaged]);
    expect(damage.code).toBe(3);
    expect(damage.stdout).toMatch(
      /damage {2}record-missing {2}position \d+\n +record \d+ \(saga-\S+ revision 4\) is missing/,
    );
  });

  it('says that there is nothing to verify where there is no log', async () => {
    const { code, stderr } = await runRecourse(['verify', '--data-dir', '/nowhere']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('no log')]);
  });
});
