import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { OrderList } from '@recourse/contracts/http';
import { asTest } from '@recourse/host/incident/as-test';
import { readExport } from '@recourse/host/incident/read-export';
import { openForReading } from '@recourse/host/reading';
// @ts-expect-error: it has no types
import config from '../../jest.config.mjs';
import { oldOrders, unpackOldData } from '../golden/files.ts';
import { openShop, type Shop, until } from '../shop.ts';
import { ended } from './following.ts';

// Orders of both versions are played, and jest runs twice more.
jest.setTimeout(240_000);

const triesMax = 20;

const root = fileURLToPath(new URL('../../', import.meta.url));
let folder: string;
let shop: Shop;
const files = new Map<string, string>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'recourse-incidents-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  await keepTheOldOnes();
  shop = await openShop({ flags: { callMsMax: '200', slowMs: '500' } });
  try {
    await playVersion1();
    await reopen({ sagaVersion: '2', callMsMax: '200', slowMs: '500' });
    await playVersion2();
  } finally {
    await shop.end();
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

const reopen = async (flags: Record<string, string>) => {
  await shop.close();
  shop = await openShop({ dataDir: shop.dataDir, flags });
};

const waitsFor = async (orderId: string, command: string) =>
  (
    await until(
      () => shop.saga(orderId),
      (saga) => saga.waitsFor?.type === command,
    )
  ).waitsFor!.commandId;
const hasTold = (orderId: string, type: string) =>
  until(
    () => shop.told(orderId),
    (told) => told.includes(type),
  );
const cancel = (orderId: string) => shop.post(`/orders/${orderId}/cancel`, {});
const resolve = async (orderId: string, command: string, outcome: string, more: object = {}) => {
  const commandId = await waitsFor(orderId, command);
  const body = { commandId, outcome, reference: 'case-17', note: 'Ms Miller said so', ...more };
  expect((await shop.post(`/sagas/${orderId}/resolve`, body)).status).toBe(202);
};

/** Exports an order as a test, under a name. */
const keep = async (name: string, orderId: string, url = shop.url) => {
  const text = await (await fetch(`${url}/sagas/${orderId}/export`)).text();
  const source = asTest(readExport(text, name));
  expect(source).not.toMatch(/Ms Miller|customer-of|case-17|tok_/);
  const path = join(folder, `${name}.test.ts`);
  writeFileSync(path, source);
  files.set(name, path);
};
const place = (changes: Record<string, unknown> = {}) =>
  shop.place({ customerId: 'customer-of-the-shop', ...changes });
const playToEnd = async (name: string, changes: Record<string, unknown> = {}) => {
  const orderId = await place(changes);
  await ended(shop, orderId);
  await keep(name, orderId);
};

const severalLines = [
  { sku: 'SKU-A', quantity: 2, unitPrice: 250 },
  { sku: 'SKU-B', quantity: 1, unitPrice: 9_999 },
  { sku: 'SKU-A', quantity: 1, unitPrice: 199 },
];
const tooMany = [{ sku: 'SKU-B', quantity: 50, unitPrice: 100 }, ...severalLines.slice(0, 1)];

/** Orders that the first version of everything wrote, settled late and still open ones among them. */
const keepTheOldOnes = async () => {
  const dataDir = join(folder, 'data');
  unpackOldData(dataDir);
  const { url, close } = await openForReading(dataDir, {});
  try {
    const list = async () => (await (await fetch(`${url}/orders?limit=100`)).json()) as OrderList;
    const { items } = await until(list, ({ items }) => items.length === oldOrders);
    for (const { orderId } of items) await keep(`old-${orderId}`, orderId, url);
  } finally {
    await close();
  }
};

/** The ways that both versions go, and those of which each has its own. */
const playBoth = async (version: string) => {
  await playToEnd(`${version}-completed`, { lines: severalLines });
  await playToEnd(`${version}-declined`, { paymentToken: 'tok_declined' });
  await playToEnd(`${version}-short`, { lines: tooMany });
  await playToEnd(`${version}-not-served`, { country: 'Atlantis' });
  await playToEnd(`${version}-answers-lost`, { paymentToken: 'tok_answer_lost', country: 'ZZ-answer-lost' });

  const unknown = await place({ country: 'ZZ-down' });
  await resolve(unknown, 'CancelShipment', 'ShipmentCancellationRefused');
  await ended(shop, unknown);
  await keep(`${version}-unknown`, unknown);

  const heldBack = await place({ country: 'ZZ-down' });
  await hasTold(heldBack, 'ShipmentStarted');
  await cancel(heldBack);
  await waitsFor(heldBack, 'CancelShipment');
  expect((await shop.post(`/sagas/${heldBack}/retry`, { note: 'Ms Miller said so' })).status).toBe(202);
  await keep(`${version}-still-open`, heldBack);
  await resolve(heldBack, 'CancelShipment', 'ShipmentCancelled', { openOutcome: 'ShippingFailed' });
  await ended(shop, heldBack);
  await keep(`${version}-settled-by-a-person`, heldBack);

  const gone = await place({ country: 'ZZ-gone' });
  await hasTold(gone, 'ShipmentStarted');
  await cancel(gone);
  await ended(shop, gone);
  await keep(`${version}-gone`, gone);
};

const playVersion1 = async () => {
  await playBoth('v1');
  const charged = await place({ paymentToken: 'tok_down' });
  await hasTold(charged, 'PaymentStarted');
  await cancel(charged);
  await resolve(charged, 'RefundPayment', 'PaymentRefunded', { openOutcome: 'PaymentProcessed' });
  await ended(shop, charged);
  await keep('v1-charge-and-refund-settled', charged);

  // It can be moved until the carrier is reached; where that was sooner, another one is.
  for (let tries = 1; ; tries += 1) {
    const moved = await place({ country: 'ZZ-down-5' });
    await hasTold(moved, 'ShipmentStarted');
    const { body } = await shop.post('/versions/migrations', { to: 2, note: 'Ms Miller said so' });
    await ended(shop, moved);
    if (tries < triesMax && (body.moved as unknown[]).length === 0) continue;
    expect(body.moved).toMatchObject([{ count: 1, state: 'shipping' }]);
    await keep('migrated', moved);
    break;
  }
};

const playVersion2 = async () => {
  await playBoth('v2');
  const captured = await place({ paymentToken: 'tok_capture_down' });
  await resolve(captured, 'CapturePayment', 'PaymentCaptured');
  await ended(shop, captured);
  await keep('v2-capture-settled', captured);
  const voided = await place({ paymentToken: 'tok_void_down', country: 'Atlantis' });
  await resolve(voided, 'VoidPayment', 'PaymentVoided');
  await ended(shop, voided);
  await keep('v2-void-settled', voided);
};

type Outcome = {
  readonly numFailedTests: number;
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly title: string }[];
  }[];
};

/** Runs jest, set up as for this test, over what is in the folder. */
const runJest = (...patterns: string[]): Outcome => {
  const [unit] = config.projects;
  const given = JSON.stringify({ ...unit, rootDir: folder, roots: ['<rootDir>'] });
  const program = join(root, 'node_modules/jest/bin/jest.js');
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--experimental-vm-modules', program, '--config', given, '--json', '--silent', ...patterns],
    { cwd: folder, encoding: 'utf8' },
  );
  if (!stdout.startsWith('{')) throw new Error(stderr);
  return JSON.parse(stdout);
};

describe('an order exported as a test', () => {
  it('passes as it is, whichever way and on whichever version it went', () => {
    const outcome = runJest();
    expect(outcome.testResults.filter(({ message }) => message !== '')).toEqual([]);
    expect([outcome.testResults.length, outcome.numFailedTests]).toEqual([files.size, 0]);
    const steps = outcome.testResults.map(({ assertionResults }) => assertionResults.length);
    expect(Math.min(...steps)).toBeGreaterThan(5);
  });

  it('fails where one event of it is another, and says which', () => {
    const path = files.get('v1-completed')!;
    const source = readFileSync(path, 'utf8');
    const changed = source.replace(/(type: 'InventoryReserved',[^}]*commandId: ids\.)\w+/, '$1ShipOrder');
    expect(changed).not.toBe(source);
    writeFileSync(path, changed);
    const { testResults } = runJest('v1-completed');
    const failed = testResults[0]!.assertionResults.filter(({ status }) => status === 'failed');
    expect(failed.map(({ title }) => title)).toEqual([
      'inventory: given ReservationStarted, when RecordTakes, then InventoryReserved',
    ]);
  });
});
