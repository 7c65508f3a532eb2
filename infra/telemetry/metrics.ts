import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What is asked only when somebody reads the metrics. */
export type MetricSources = {
  /** Orders by state. */
  ordersByState(): Promise<Readonly<Record<string, number>>>;
  /** Orders open now, as the valve counts them. */
  openOrders(): number;
  /** By consumer group: records yet to be handled. */
  lag(): Promise<Readonly<Record<string, number>>>;
  /** Messages that wait to be tried again, and dead letters. */
  parked(): Promise<{ readonly waiting: number; readonly dead: number }>;
  /** Messages that nobody can read and nobody has decided on. */
  poison(): Promise<number>;
  /** Requests that wait for an order, and open event streams. */
  watching(): { readonly waiters: number; readonly streams: number };
  /** Records of the log that the relay has yet to publish, of the shards that this process holds. */
  relayLag(): Promise<number>;
  /** What this process holds of each kind of shared work. */
  held(): Readonly<Record<string, number>>;
};

/** The metrics of one process, in the names and units of Prometheus (seconds, bytes). */
export type Metrics = {
  /** One transaction of the log, from its begin until it was synced, in milliseconds. */
  observeAppendMs(ms: number): void;
  /** An order has ended: how, and how long it took, in milliseconds. */
  observeEnded(outcome: 'completed' | 'cancelled', ms: number): void;
  /** What became of a message in a consumer group. */
  countMessage(group: string, handling: string): void;
  /** Where other figures come from, besides those that were named before; one without a source is not shown. */
  readFrom(sources: Partial<MetricSources>): void;
  /** All figures in Prometheus's text format. A source that fails is left out. */
  text(): Promise<string>;
  readonly contentType: string;
  close(): void;
};

const nanosecondsASecond = 1e9;
const eventLoopResolutionMs = 20;
const quantiles = [0.5, 0.99];

/** Measures a process. Counting costs under a microsecond; everything else is done when it is read. */
export const createMetrics = (): Metrics => {
  const registry = new Registry();
  const registers = [registry];
  let sources: Partial<MetricSources> = {};

  /** A figure that is asked for when it is read. */
  const asked = <T extends string, S extends keyof MetricSources>(
    name: string,
    help: string,
    labelNames: readonly T[],
    source: S,
    read: (gauge: Gauge<T>, from: Awaited<ReturnType<MetricSources[S]>>) => void,
  ) =>
    new Gauge<T>({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        this.reset();
        try {
          const from = await sources[source]?.();
          if (from === undefined) this.remove();
          else read(this, from as Awaited<ReturnType<MetricSources[S]>>);
        } catch {
          // A figure that cannot be had now is no reason to have none.
        }
      },
    });

  asked('recourse_orders', 'Orders by state.', ['state'], 'ordersByState', (gauge, orders) => {
    for (const [state, count] of Object.entries(orders)) gauge.set({ state }, count);
  });
  asked('recourse_orders_open', 'Orders open now.', [], 'openOrders', (gauge, open) => gauge.set(open));
  asked('recourse_consumer_lag_records', 'Records yet to be handled.', ['group'], 'lag', (gauge, lag) => {
    for (const [group, records] of Object.entries(lag)) gauge.set({ group }, records);
  });
  asked('recourse_dead_letters', 'Messages that a group cannot handle.', [], 'parked', (gauge, { dead }) =>
    gauge.set(dead),
  );
  asked('recourse_messages_waiting', 'Messages that wait to be tried again.', [], 'parked', (gauge, it) =>
    gauge.set(it.waiting),
  );
  asked('recourse_poison_open', 'Messages that nobody can read, undecided.', [], 'poison', (gauge, open) =>
    gauge.set(open),
  );
  asked('recourse_watchers', 'Waiting requests and event streams.', ['kind'], 'watching', (gauge, it) => {
    gauge.set({ kind: 'waiter' }, it.waiters);
    gauge.set({ kind: 'stream' }, it.streams);
  });
  asked('recourse_relay_lag_records', 'Records yet to be published.', [], 'relayLag', (gauge, records) =>
    gauge.set(records),
  );
  asked('recourse_leases_held', 'Shared work that this process does.', ['kind'], 'held', (gauge, held) => {
    for (const [kind, count] of Object.entries(held)) gauge.set({ kind }, count);
  });

  const sagas = new Histogram({
    name: 'recourse_saga_duration_seconds',
    help: "From an order's creation to its end.",
    labelNames: ['outcome'],
    buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600],
    registers,
  });
  const ended = { completed: sagas.labels('completed'), cancelled: sagas.labels('cancelled') };
  const appends = new Histogram({
    name: 'recourse_log_append_seconds',
    help: 'A transaction of the event log, until it is synced.',
    buckets: [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
    registers,
  });
  const messages = new Counter({
    name: 'recourse_messages_total',
    help: 'Messages by what became of them in a consumer group.',
    labelNames: ['group', 'handling'],
    registers,
  });
  const process = measureProcess(registers);

  return {
    observeAppendMs: (ms) => appends.observe(ms / 1_000),
    observeEnded: (outcome, ms) => ended[outcome].observe(ms / 1_000),
    countMessage: (group, handling) => messages.inc({ group, handling }),
    readFrom: (from) => {
      sources = { ...sources, ...from };
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
    close: process.close,
  };
};

/** What the process itself costs. */
const measureProcess = (registers: Registry[]) => {
  const delay = monitorEventLoopDelay({ resolution: eventLoopResolutionMs });
  delay.enable();
  new Gauge({
    name: 'recourse_event_loop_delay_seconds',
    help: 'How late the event loop was since the figure was last read; quantile 1 is the most.',
    labelNames: ['quantile'],
    registers,
    collect() {
      for (const quantile of quantiles) {
        this.set({ quantile }, delay.percentile(quantile * 100) / nanosecondsASecond);
      }
      this.set({ quantile: 1 }, delay.max / nanosecondsASecond);
      delay.reset();
    },
  });
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.set((user + system) / 1e6);
    },
  });
  return { close: () => void delay.disable() };
};
