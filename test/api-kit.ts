import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { createApi } from '@recourse/api/app';
import type { ApiLimits, ReadModelsApi } from '@recourse/api/deps';
import { startLive } from '@recourse/api/live';
import { openQueries } from '@recourse/api/query/queries';
import { createApiServer } from '@recourse/api/server';
import { openVerifications } from '@recourse/api/verify/verifications';
import { formatPosition, Problem } from '@recourse/contracts/http';
import { openBackups } from '@recourse/infra/backup/backups';
import { openEmbeddedBroker } from '@recourse/infra/broker/embedded-broker';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { DeadLetters } from '@recourse/infra/ports/broker';
import { sleep } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { PoisonMessages } from '@recourse/infra/ports/poison';
import { systemClock, systemIds } from '@recourse/infra/system';
import { createLogger } from '@recourse/infra/telemetry/logger';
import { createMetrics } from '@recourse/infra/telemetry/metrics';
import { inventoryService } from '@recourse/inventory/service';
import { orderService } from '@recourse/order/service';
import { paymentService } from '@recourse/payment/service';
import { openSimulatedGateway } from '@recourse/payment/simulated-gateway';
import { orchestrator } from '@recourse/sagas/orchestrator';
import { shippingService } from '@recourse/shipping/service';
import { openSimulatedCarrier } from '@recourse/shipping/simulated-carrier';

/** How an API is set up for a test. */
export type TestApiOptions = {
  /** Whether orders move: with `false` they stay as the API has left them. */
  readonly running?: boolean;
  readonly limits?: Partial<ApiLimits>;
  /** After which delays a message that failed is tried again. */
  readonly retryDelaysMs?: readonly number[];
  readonly live?: { readonly waitersMax?: number; readonly streamsMax?: number };
  wrapLog?(log: EventLog): EventLog;
  wrapDeadLetters?(deadLetters: DeadLetters): DeadLetters;
  ready?(): readonly string[];
  readonly readModels?: Partial<ReadModelsApi>;
  /** Left out as in a data folder, where no message is ever unreadable. */
  readonly poison?: PoisonMessages;
  /** How many bytes the disk says it can still take. */
  freeBytes?(): number;
};

/** An answer, its body read. */
export type Answer = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into what came over the wire
  readonly json: any;
};

const nothingYet = { items: [], nextCursor: null, position: formatPosition(0) };

/** A stream that keeps the lines written to it. */
export const linesInto = (lines: string[]): Writable =>
  new Writable({
    write: (line, _encoding, done) => {
      lines.push(String(line));
      done();
    },
  });

/** Read models that have read nothing yet. */
const emptyReadModels: ReadModelsApi = {
  listOrders: () => nothingYet,
  listSagas: () => nothingYet,
  read: async () => ({ rows: [] as never, position: 0 }),
  ledger: () => ({
    position: formatPosition(0),
    money: [],
    stock: { skus: 0, received: 0, onHand: 0, reserved: 0, shipped: 0 },
    books: {
      charges: 0,
      refunds: 0,
      authorizations: 0,
      captures: 0,
      voids: 0,
      shipments: 0,
      cancellations: 0,
      inFlight: 0,
    },
    orders: { open: 0, completed: 0, cancelled: 0 },
    violations: [],
  }),
  counts: async () => ({ open: 0, cancelling: 0, completed: 0, cancelled: 0 }),
  status: async () => [],
  rebuild: async () => {},
};

/** The part of the document that answers are held against. */
type Documented = {
  readonly paths: Record<
    string,
    Record<string, { readonly responses: Record<string, { readonly description: string }> }>
  >;
};

/** The same for every API: asked for once. */
let documented: Documented | undefined;

/** Throws where a call answers a status, or a problem a code, that the document does not name. */
const refuseUndocumented = (
  { paths }: Documented,
  method: string,
  path: string,
  status: number,
  code?: string,
): void => {
  const bare = path.split('?')[0] ?? '';
  const found = Object.entries(paths).find(([template]) =>
    new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(bare),
  );
  const responses = found?.[1][method.toLowerCase()]?.responses;
  if (responses === undefined) return;
  const response = responses[status];
  const named = status < 400 || response?.description.includes(`\`${code}\``) === true;
  if (response === undefined || !named) {
    throw new Error(`${method} ${found?.[0]} answered ${status} ${code ?? ''}, which is not documented`);
  }
};

/** An order of one SKU that is in stock. */
export const orderOf = (changes: Record<string, unknown> = {}) => ({
  customerId: 'customer-1',
  currency: 'GBP',
  country: 'France',
  paymentToken: 'tok_accepted',
  lines: [{ sku: '85123A', quantity: 2, unitPrice: 255 }],
  ...changes,
});

/** Every event and command of an order that completes, by wire name, in their order. */
export const wholeWay = [
  'OrderCreated',
  'SagaAdvanced',
  'ProcessPayment',
  'PaymentStarted',
  'PaymentProcessed',
  'SagaAdvanced',
  'ReserveInventory',
  'ReservationStarted',
  'InventoryReserved',
  'SagaAdvanced',
  'ShipOrder',
  'ShipmentStarted',
  'OrderShipped',
  'SagaAdvanced',
  'CompleteOrder',
  'OrderCompleted',
  'SagaAdvanced',
];

/** Sends bytes as they are, and resolves with what comes back until the server closes. */
export const rawRequest = (url: string, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('end', () => {
      socket.destroy();
      resolve(answer);
    });
    socket.on('error', reject);
  });

/** Something that is waited for until it is opened. */
export const gate = () => {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
};

/** Waits until something holds. */
export const eventually = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await sleep(systemClock, 2);
};

/** The API over real HTTP, on a real log with the real services, in a folder of its own. */
export const startTestApi = async (options: TestApiOptions = {}) => {
  const { running = true } = options;
  const folder = await mkdtemp(join(tmpdir(), 'recourse-api-'));
  const clock = systemClock;
  const lines: string[] = [];
  const logger = createLogger({ level: 'debug', pretty: 'json', destination: linesInto(lines) });
  const metrics = createMetrics();
  const sqliteLog = openSqliteLog({
    path: join(folder, 'log.db'),
    clock,
    observeAppendMs: metrics.observeAppendMs,
  });
  const log = options.wrapLog?.(sqliteLog) ?? sqliteLog;
  const gateway = openSimulatedGateway({ path: join(folder, 'gateway.db'), clock });
  const carrier = openSimulatedCarrier({ path: join(folder, 'carrier.db'), clock });
  const orders = orderService({ log });
  const inventory = inventoryService({ log, logger });
  const payment = paymentService({ log, gateway, clock, logger });
  const shipping = shippingService({ log, carrier, clock, logger });
  const sagas = orchestrator({ log, times: { askDelaysMs: [1_000], deadlineMs: 300_000 } });
  const broker = await openEmbeddedBroker({
    log,
    path: join(folder, 'delivery.db'),
    clock,
    logger,
    ...(options.retryDelaysMs && { retryDelaysMs: options.retryDelaysMs }),
  });
  const live = startLive({
    log,
    after: 0,
    openOrders: 0,
    clock,
    logger,
    onEnded: metrics.observeEnded,
    ...options.live,
  });
  const queries = openQueries({ dataDir: folder, logPath: join(folder, 'log.db'), clock });
  const verifications = openVerifications({ dataDir: folder, clock });
  let stopping = false;
  const api = createApi({
    log,
    orders,
    inventory,
    payment,
    shipping,
    deadLetters: options.wrapDeadLetters?.(broker.deadLetters) ?? broker.deadLetters,
    ...(options.poison && { poison: options.poison }),
    lag: broker.lag,
    readModels: { ...emptyReadModels, ...options.readModels },
    live,
    queries,
    backups: openBackups({
      dataDir: folder,
      clock,
      version: 'of a test',
      ...(options.freeBytes && { freeBytes: options.freeBytes }),
    }),
    verifications,
    clock,
    ids: systemIds,
    logger,
    metrics,
    limits: { openOrdersMax: 1_000, deadlineMs: 300_000, ...options.limits },
    ready: options.ready ?? (() => []),
    stopping: () => stopping,
  });
  const groups = [sagas, orders, payment, inventory, shipping].map(({ group }) => group);
  const run = () => {
    for (const group of groups) broker.consume(group);
  };
  if (running) run();
  const server = createApiServer(api);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const send = async (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const raw = typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: raw ? (body as string) : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    const json = isJson && text !== '' ? JSON.parse(text) : undefined;
    if (response.status >= 400) Problem.parse(json);
    documented ??= (await (await fetch(`${url}/openapi.json`)).json()) as Documented;
    refuseUndocumented(documented, method, path, response.status, json?.code);
    return { status: response.status, headers: response.headers, text, json };
  };

  return {
    url,
    api,
    log,
    live,
    broker,
    lines,
    run,
    get: (path: string, headers?: Record<string, string>) => send('GET', path, undefined, headers),
    post: (path: string, body?: unknown, headers?: Record<string, string>) =>
      send('POST', path, body, headers),
    send,
    /** Takes goods in. */
    stock: (sku: string, quantity: number) =>
      send('POST', `/inventory/${encodeURIComponent(sku)}/receipts`, { quantity }),
    stop: () => {
      stopping = true;
    },
    close: async () => {
      stopping = true;
      await live.close();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
      await queries.close();
      await verifications.close();
      await broker.close();
      gateway.close();
      carrier.close();
      await sqliteLog.close();
      metrics.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

/** A running API, as `startTestApi` makes it. */
export type TestApi = Awaited<ReturnType<typeof startTestApi>>;

/** APIs with an SKU in stock, closed together. */
export const testApis = () => {
  const started: TestApi[] = [];
  return {
    start: async (options?: TestApiOptions): Promise<TestApi> => {
      const api = await startTestApi(options);
      started.push(api);
      await api.stock('85123A', 1_000);
      return api;
    },
    closeAll: async (): Promise<void> => {
      await Promise.all(started.splice(0).map((api) => api.close()));
    },
  };
};
