import type { ProjectionList, ProjectionStatus } from '@recourse/contracts/http-projections';
import { StartError } from '@recourse/infra/errors';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import { progressBar } from './progress-bar.ts';
import { complain } from './terminal.ts';

/** What came of rebuilds: those whose fold threw still have their `rebuild`, with the reason. */
export type Rebuilt = { readonly items: readonly ProjectionStatus[]; readonly head: string };

/** How rebuilds are waited for. */
export type Waited = {
  read(): Promise<ProjectionList>;
  readonly names: readonly string[];
  readonly clock: Clock;
  /** No progress bar, on a terminal either. */
  readonly quiet: boolean;
};

const lookAgainMs = 150;

/** Waits until rebuilds have taken their place, or were given up, and shows how far they are. */
export const awaitRebuilds = async ({ read, names, clock, quiet }: Waited): Promise<Rebuilt> => {
  const shown = rebuildBar(quiet);
  const wanted = new Map<string, NonNullable<ProjectionStatus['rebuild']>>();
  let complained = '';
  try {
    for (;;) {
      const { items, head } = await read();
      const asked = items.filter(({ name }) => names.includes(name));
      const open = asked.filter(({ rebuild }) => rebuild !== null && rebuild.state !== 'stopped');
      for (const { name, rebuild } of asked) if (rebuild !== null) wanted.set(name, rebuild);
      shown.show(open, Number(head));
      if (open.length === 0) {
        refuseLost(asked, wanted);
        return { items: asked, head };
      }
      complained = complainOfWaiting(open, complained);
      await sleep(clock, lookAgainMs);
    }
  } finally {
    shown.stop();
  }
};

/** One that is neither there nor has taken its place: the server's thread died after its fold had thrown. */
const refuseLost = (
  asked: readonly ProjectionStatus[],
  wanted: ReadonlyMap<string, NonNullable<ProjectionStatus['rebuild']>>,
) => {
  for (const { name, version, build, rebuild } of asked) {
    const one = wanted.get(name);
    if (rebuild !== null || one === undefined) continue;
    if (one.version !== version || one.build !== build)
      throw new StartError(
        'rebuild-lost',
        `The rebuild of ${name} is gone, and version ${version}, build ${build} goes on serving: look at the server's log.`,
      );
  }
};

const complainOfWaiting = (open: readonly ProjectionStatus[], before: string): string => {
  const waiting = open.filter(({ rebuild }) => rebuild?.state === 'waiting');
  const said = waiting.map(({ name, rebuild }) => `${name} waits: ${rebuild?.error?.message}`).join('\n');
  if (said !== '' && said !== before) complain(said);
  return said;
};

const rebuildBar = (quiet: boolean) => {
  const bar = progressBar('{value} of {total} events | {rate} events/s | {left} left', quiet);
  bar?.start(1, 0, { rate: '?', left: '?' });
  return {
    /** All go through the log in one pass: the one furthest behind says how far it is. */
    show: (open: readonly ProjectionStatus[], head: number): void => {
      const rebuilds = open.flatMap(({ rebuild }) => rebuild ?? []);
      const last = rebuilds.toSorted((a, b) => b.behind - a.behind)[0];
      bar?.setTotal(Math.max(1, head));
      bar?.update(last === undefined ? head : Number(last.position), {
        rate: last?.eventsPerSecond ?? '?',
        left: last === undefined ? '0 s' : last.secondsLeft === null ? '?' : `${last.secondsLeft} s`,
      });
    },
    stop: (): void => bar?.stop(),
  };
};
