import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { instance } from '@viz-js/viz';
import { chart, dot } from './chart.ts';
import { sagaVersions } from './machines.ts';

const doc = (name: string) => readFile(new URL(`../docs/${name}`, import.meta.url), 'utf8');

describe.each(sagaVersions)('the chart of version %i in the docs', (version) => {
  it('is the machine that runs, as JSON', async () => {
    expect(JSON.parse(await doc(`order-saga-v${version}.json`))).toEqual(chart(version));
  });

  it('is the machine that runs, as a picture: else run `npm run chart`', async () => {
    expect((await instance()).renderString(dot(version), { format: 'svg' })).toBe(
      await doc(`order-saga-v${version}.svg`),
    );
  });

  it('leads from every state to an end', () => {
    const { states, arrows } = chart(version);
    const ends = new Set(states.filter(({ final }) => final).map(({ name }) => name));
    for (let grown = true; grown; ) {
      const before = ends.size;
      for (const { from, to } of arrows) if (ends.has(to)) ends.add(from);
      grown = ends.size > before;
    }
    expect([...ends].toSorted()).toEqual(states.map(({ name }) => name).toSorted());
  });
});
