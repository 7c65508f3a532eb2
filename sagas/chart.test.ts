import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { instance } from '@viz-js/viz';
import { chart, dot } from './chart.ts';

const doc = (name: string) => readFile(new URL(`../docs/${name}`, import.meta.url), 'utf8');

describe('the chart in the docs', () => {
  it('is the machine that runs, as JSON', async () => {
    expect(JSON.parse(await doc('order-saga.json'))).toEqual(chart());
  });

  it('is the machine that runs, as a picture: else run `npm run chart`', async () => {
    expect((await instance()).renderString(dot(), { format: 'svg' })).toBe(await doc('order-saga.svg'));
  });

  it('leads from every state to an end', () => {
    const { states, arrows } = chart();
    const ends = new Set(states.filter(({ final }) => final).map(({ name }) => name));
    for (let grown = true; grown; ) {
      const before = ends.size;
      for (const { from, to } of arrows) if (ends.has(to)) ends.add(from);
      grown = ends.size > before;
    }
    expect([...ends].toSorted()).toEqual(states.map(({ name }) => name).toSorted());
  });
});
