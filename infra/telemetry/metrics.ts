import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge, Histogram, Registry } from 'prom-client';

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
  /** Requests that wait for an order, and open event streams. */
  watching(): { readonly waiters: number; readonly streams: number };
};

/** The metrics of one process, in the names and units of Prometheus (seconds, bytes). */
export type Metrics = {
  /** One transaction of the log, from its begin until it was synced, in milliseconds. */
  observeAppendMs(ms: number): void;
  /** An order has ended: how, and how long it took, in milliseconds. */
  observeEnded(outcome: 'completed' | 'cancelled', ms: number): void;
  /** Where the other figures come from. */
  readFrom(sources: MetricSources): void;
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
  let sources: MetricSources | undefined;

  /** A figure that is asked for when it is read. */
  const asked = <T extends string>(
    name: string,
    help: string,
    labelNames: readonly T[],
    read: (gauge: Gauge<T>, from: MetricSources) => void | Promise<void>,
  ) =>
    new Gauge<T>({
      name,
      help,
      labelNames,
      registers,
      async collect() {
        this.reset();
        // A figure that cannot be had now is no reason to have none.
        if (sources !== undefined) await Promise.resolve(read(this, sources)).catch(() => {});
      },
    });

  asked('recourse_orders', 'Orders by state.', ['state'], async (gauge, from) => {
    for (const [state, count] of Object.entries(await from.ordersByState())) gauge.set({ state }, count);
  });
  asked('recourse_orders_open', 'Orders open now.', [], (gauge, from) => gauge.set(from.openOrders()));
  asked('recourse_consumer_lag_records', 'Records yet to be handled.', ['group'], async (gauge, from) => {
    for (const [group, records] of Object.entries(await from.lag())) gauge.set({ group }, records);
  });
  asked('recourse_dead_letters', 'Messages that a group cannot handle.', [], async (gauge, from) =>
    gauge.set((await from.parked()).dead),
  );
  asked('recourse_messages_waiting', 'Messages that wait to be tried again.', [], async (gauge, from) =>
    gauge.set((await from.parked()).waiting),
  );
  asked('recourse_watchers', 'Waiting requests and event streams.', ['kind'], (gauge, from) => {
    const { waiters, streams } = from.watching();
    gauge.set({ kind: 'waiter' }, waiters);
    gauge.set({ kind: 'stream' }, streams);
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
  const process = measureProcess(registers);

  return {
    observeAppendMs: (ms) => appends.observe(ms / 1_000),
    observeEnded: (outcome, ms) => ended[outcome].observe(ms / 1_000),
    readFrom: (from) => {
      sources = from;
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
