import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Arrow, chart } from '@recourse/sagas/chart';
import type { SagaVersion } from '@recourse/sagas/machines';

/** The charts of the machines with which this data folder was last started: `machines/order-saga-v1.json`. */

type Chart = ReturnType<typeof chart>;

const folderOf = (dataDir: string) => join(dataDir, 'machines');
const pathOf = (dataDir: string, version: SagaVersion) =>
  join(folderOf(dataDir), `order-saga-v${version}.json`);

/**
 * The states of a version that are not as they were at the last start, each with what is different; none where they
 * are the same, or where no chart was kept.
 */
export const changedStates = (dataDir: string, version: SagaVersion): readonly string[] => {
  const kept = read(pathOf(dataDir, version));
  return kept === undefined ? [] : differences(kept, chart(version));
};

/** Keeps the chart of a version for the next start. Throws where it cannot be written. */
export const keepChart = (dataDir: string, version: SagaVersion): void => {
  const path = pathOf(dataDir, version);
  const text = `${JSON.stringify(chart(version), null, 2)}\n`;
  mkdirSync(folderOf(dataDir), { recursive: true });
  if (textAt(path) === text) return;
  writeFileSync(`${path}.new`, text, { flush: true });
  renameSync(`${path}.new`, path);
};

const textAt = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

/** A chart that cannot be read counts as none: re-running the open sagas is what decides then. */
const read = (path: string): Chart | undefined => {
  try {
    const kept = JSON.parse(textAt(path) ?? '') as Partial<Chart>;
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
