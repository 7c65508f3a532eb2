import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Arrow, chart } from '@recourse/sagas/chart';
import type { SagaVersion } from '@recourse/sagas/machines';

/** The charts of the machines with which an installation was last started. */

export type Chart = ReturnType<typeof chart>;

/** Where they are kept. */
export type KeptCharts = {
  /** As it was kept; undefined where none was, or where it cannot be read: then re-running the open sagas decides. */
  read(version: SagaVersion): Promise<Chart | undefined>;
  /** Keeps the chart of a version for the next start. Rejects where it cannot be written. */
  keep(version: SagaVersion): Promise<void>;
};

/** The states of a version that are not as they were kept, each with what is different; none where none was kept. */
export const changedStates = async (charts: KeptCharts, version: SagaVersion): Promise<readonly string[]> => {
  const kept = await charts.read(version);
  return kept === undefined ? [] : differences(kept, chart(version));
};

/** Charts in a data folder: `machines/order-saga-v1.json`. */
export const folderCharts = (dataDir: string): KeptCharts => {
  const folder = join(dataDir, 'machines');
  const pathOf = (version: SagaVersion) => join(folder, `order-saga-v${version}.json`);
  return {
    read: async (version) => chartIn(textAt(pathOf(version)) ?? ''),
    keep: async (version) => {
      const path = pathOf(version);
      const text = `${JSON.stringify(chart(version), null, 2)}\n`;
      mkdirSync(folder, { recursive: true });
      if (textAt(path) === text) return;
      writeFileSync(`${path}.new`, text, { flush: true });
      renameSync(`${path}.new`, path);
    },
  };
};

const textAt = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

/** The chart that a text holds; undefined where it is none. */
export const chartIn = (text: string): Chart | undefined => {
  try {
    const kept = JSON.parse(text) as Partial<Chart>;
    return Array.isArray(kept.states) && Array.isArray(kept.arrows) ? (kept as Chart) : undefined;
  } catch {
    return undefined;
  }
};

const differences = (before: Chart, now: Chart): string[] => {
  const names = new Set([...before.states, ...now.states].map(({ name }) => name));
  return [...names].flatMap((name) => {
    const [was, is] = [partsOf(before, name), partsOf(now, name)];
    if (is.size === 0) return [`${name} (it is gone)`];
    if (was.size === 0) return [`${name} (it is new)`];
    const changed = [...new Set([...was.keys(), ...is.keys()])].find((key) => was.get(key) !== is.get(key));
    if (changed === undefined) return [];
    return [
      `${name} (${changed}: ${was.get(changed) ?? 'nothing'} before, ${is.get(changed) ?? 'nothing'} now)`,
    ];
  });
};

/** What makes up a state: its command, and where each event leads. */
const partsOf = ({ states, arrows }: Chart, name: string): ReadonlyMap<string, string> => {
  const state = states.find((it) => it.name === name);
  if (state === undefined) return new Map();
  const parts = new Map([['command', state.command ?? (state.final ? 'the end' : 'none')]]);
  for (const arrow of arrows.filter(({ from }) => from === name))
    parts.set(arrow.on, [parts.get(arrow.on), arrowText(arrow)].filter(Boolean).join('; '));
  return parts;
};

const arrowText = ({ to, guard, actions = [] }: Arrow): string =>
  [to, ...(guard === undefined ? [] : [`if ${guard}`]), ...actions].join(' ');
