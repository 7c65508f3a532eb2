import type { ProjectionList, ProjectionStatus } from '@recourse/contracts/http-projections';
import type { Server } from '../server.ts';
import type { LoadReport } from './generator.ts';

/** How fast read models are folded anew, over the log that the bench has made. */
export type RebuildReport = {
  readonly events: number;
  /** At full pace and without orders: `orders` alone, and all in one pass. */
  readonly one: { readonly seconds: number; readonly eventsPerSecond: number };
  readonly all: { readonly seconds: number; readonly eventsPerSecond: number };
  /** The most memory of the whole server until then, which had been started anew. */
  readonly peakMb: number;
  /** Orders a second with 64 clients, without and with a rebuild of all at the default pace, in turn. */
  readonly ordersPerSecond: { readonly without: number; readonly with: number };
  /** The part of the orders a second that is lost to it; negative where the noise is larger. */
  readonly loss: number;
  /** The rate of the rebuild meanwhile; null where it was done before anything could be said. */
  readonly busyEventsPerSecond: number | null;
};

type Pace = 'full' | 'default';

const lookAgainMs = 20;
const rounds = 2;

/** Measures rebuilds of a server that has just been started on its log; `load` runs 64 clients for a while. */
export const measureRebuild = async (
  server: Server,
  load: () => Promise<LoadReport>,
): Promise<RebuildReport> => {
  const list = async () => (await (await fetch(`${server.url}/projections`)).json()) as ProjectionList;

  const ask = async (path: string, pace: Pace) => {
    const answer = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ pace }),
    });
    if (answer.status !== 202) throw new Error(`no rebuild: ${answer.status} ${await answer.text()}`);
  };

  const done = async () => {
    const isDone = ({ rebuild, behind }: ProjectionStatus) => rebuild === null && behind === 0;
    while (!(await list()).items.every(isDone))
      await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
  };

  const timed = async (path: string) => {
    const events = Number((await list()).head);
    const begin = performance.now();
    await ask(path, 'full');
    await done();
    const seconds = (performance.now() - begin) / 1_000;
    return { seconds, eventsPerSecond: Math.round(events / seconds) };
  };

  await done();
  const events = Number((await list()).head);
  const one = await timed('/projections/orders/rebuild');
  const all = await timed('/projections/rebuild');
  const { peakMb } = await server.memory();

  const ordersPerSecond = { without: 0, with: 0 };
  const rates: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    ordersPerSecond.without += (await load()).ordersPerSecond / rounds;
    await done();
    await ask('/projections/rebuild', 'default');
    ordersPerSecond.with += (await load()).ordersPerSecond / rounds;
    rates.push(...(await list()).items.flatMap(({ rebuild }) => rebuild?.eventsPerSecond ?? []));
    await done();
  }
  return {
    events,
    one,
    all,
    peakMb,
    ordersPerSecond,
    loss: 1 - ordersPerSecond.with / ordersPerSecond.without,
    busyEventsPerSecond: rates.length === 0 ? null : Math.round(rates.reduce((a, b) => a + b) / rates.length),
  };
};

/** The figures in lines for people. */
export const rebuildLines = (it: RebuildReport): string[] => {
  const pass = ({ seconds, eventsPerSecond }: RebuildReport['one']) =>
    `${seconds.toFixed(1)} s, ${eventsPerSecond} events/s`;
  const { without, with: withIt } = it.ordersPerSecond;
  return [
    `rebuild over ${it.events} events at full pace: one ${pass(it.one)}; all in one pass ${pass(it.all)}; at most ${it.peakMb.toFixed(0)} MB with the server itself`,
    `rebuild at the default pace: ${withIt.toFixed(0)} orders/s instead of ${without.toFixed(0)}, ${(it.loss * 100).toFixed(1)} % lost; it folds ${it.busyEventsPerSecond ?? '?'} events/s meanwhile`,
  ];
};
