import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  DeadLetterList,
  History,
  Ledger,
  Order,
  OrderList,
  Problem,
  Saga,
  SagaList,
} from '@recourse/contracts/http';
import { type Flags, readConfig } from '@recourse/host/config';
import { type EmbeddedOverrides, type Recourse, startEmbedded } from '@recourse/host/embedded';
import { ask } from './http.ts';

/** A Recourse, whichever its composition, spoken to over HTTP as a shop would. */
export type HttpShop = {
  readonly url: string;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string): Promise<Answer>;
  /** Places an order of one piece of SKU-A in the United Kingdom, changed as given; resolves with its id. */
  place(changes?: Record<string, unknown>): Promise<string>;
  /** Places it and waits for its end. */
  placeAndWait(changes?: Record<string, unknown>): Promise<Order>;
  order(orderId: string): Promise<Order>;
  saga(orderId: string): Promise<Saga>;
  /** Event types of an order's history, with the commands that each SagaAdvanced issued in its place; timers and stock left out. */
  told(orderId: string): Promise<string[]>;
  ledger(): Promise<Ledger>;
  stockUp(quantities: Record<string, number>): Promise<void>;
  /** Stops and leaves nothing behind. */
  end(): Promise<void>;
};

/** A whole Recourse in this process on a folder of its own. */
export type Shop = HttpShop & {
  readonly recourse: Recourse;
  readonly dataDir: string;
  /** Stops; the folder stays, so that `openShop({ dataDir })` goes on where this ended. */
  close(): Promise<void>;
};

/** How a suite that runs on every composition opens its shop. */
export type ShopOpening = {
  readonly flags?: Flags;
  readonly overrides?: Pick<EmbeddedOverrides, 'wrapGateway' | 'wrapCarrier'>;
};

/** An HTTP answer whose body has been read. */
type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Order &
    Saga &
    OrderList &
    SagaList &
    Ledger &
    History &
    DeadLetterList &
    Problem &
    Record<string, unknown>;
};

/** Settings of every shop of a test: short delays between asks and no log. */
export const shopFlags: Flags = {
  port: '0',
  logLevel: 'silent',
  askDelaysMs: '40,40,40,40,40',
  slowMs: '400',
  retryDelaysMs: '20,20',
};

/** Opens a shop with stock of SKU-A and SKU-B. */
export const openShop = async (
  options: { readonly dataDir?: string; readonly flags?: Flags; readonly overrides?: EmbeddedOverrides } = {},
): Promise<Shop> => {
  const isNew = options.dataDir === undefined;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'recourse-shop-')));
  const config = readConfig({ ...shopFlags, dataDir, demoStock: 'false', ...options.flags }, {});
  const recourse = await startEmbedded(config, options.overrides);
  const shop = shopAt(recourse.url);
  if (isNew) await shop.stockUp(usualStock);
  return {
    ...shop,
    recourse,
    dataDir,
    close: () => recourse.close(),
    end: async () => {
      await recourse.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
};

/** What a new shop has in stock. */
export const usualStock = { 'SKU-A': 1_000, 'SKU-B': 5 };

/** Speaks to whoever serves there. `onUnreachable` may say more of a request that got no answer, by an error of its own. */
export const shopAt = (
  url: string,
  { onUnreachable }: { readonly onUnreachable?: (error: unknown) => Promise<void> } = {},
): Omit<HttpShop, 'end'> => {
  const speak = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) => {
    const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await ask(`${url}${path}`, {
      method,
      headers: { ...(text === null ? {} : { 'content-type': 'application/json' }), ...headers },
      body: text,
    }).catch(async (error: unknown) => {
      await onUnreachable?.(error);
      throw error;
    });
    const read = await answer.text();
    const json = answer.headers.get('content-type')?.includes('json') === true;
    return { status: answer.status, headers: answer.headers, body: json ? JSON.parse(read) : read } as Answer;
  };
  const post: Shop['post'] = (path, body, headers) => speak('POST', path, body, headers);
  const get: Shop['get'] = (path) => speak('GET', path);
  const placed = async (changes: Record<string, unknown>, headers: Record<string, string>) => {
    const answer = await post('/orders', { ...usualOrder, ...changes }, headers);
    if (answer.status > 202) throw new Error(`refused: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const stockUp: Shop['stockUp'] = async (quantities) => {
    for (const [sku, quantity] of Object.entries(quantities)) {
      const { status } = await post(`/inventory/${encodeURIComponent(sku)}/receipts`, { quantity });
      if (status !== 201) throw new Error(`no stock of ${sku}: ${status}`);
    }
  };

  return {
    url,
    post,
    get,
    place: async (changes = {}) => (await placed(changes, {})).orderId,
    placeAndWait: async (changes = {}) => placed(changes, { prefer: 'wait=60' }),
    order: async (orderId) => (await get(`/orders/${orderId}`)).body,
    saga: async (orderId) => (await get(`/sagas/${orderId}`)).body,
    told: async (orderId) =>
      (await get(`/sagas/${orderId}/history`)).body.events
        .filter(({ type }) => type !== 'TimerFired' && !type.startsWith('Stock'))
        .flatMap((event) =>
          event.type === 'SagaAdvanced'
            ? (event.data as { commands: { type: string }[] }).commands.map(({ type }) => `→ ${type}`)
            : [event.type],
        ),
    ledger: async () => (await get('/ledger')).body,
    stockUp,
  };
};

/** What `place` orders. */
export const usualOrder = {
  currency: 'GBP',
  country: 'United Kingdom',
  paymentToken: 'tok_accepted',
  lines: [{ sku: 'SKU-A', quantity: 1, unitPrice: 250 }],
};

/** Asks again and again until the answer satisfies; fails with the last answer after `withinMs`. */
export const until = async <T>(
  ask: () => Promise<T>,
  satisfied: (answer: T) => boolean,
  withinMs = 60_000,
): Promise<T> => {
  const end = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (satisfied(answer)) return answer;
    if (performance.now() > end)
      throw new Error(`not within ${withinMs} ms; last: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};
