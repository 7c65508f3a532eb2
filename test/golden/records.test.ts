import { describe, expect, it } from '@jest/globals';
import { presentTypes } from '@recourse/contracts/compatibility-schemas';
import { verdict } from '@recourse/contracts/compatibility-verdict';
import { registered } from '@recourse/contracts/registry';
import { upcast, upcasters } from '@recourse/contracts/upcasters';
import { checksum } from '@recourse/infra/log/checksum';
import { z } from 'zod';
import { goldenFiles, goldenRecords } from './files.ts';

const records = goldenRecords();
const { schemas } = goldenFiles();

/** A golden schema that checks. Without patterns: zod reads them without the flag that theirs need. */
const checking = (name: string) =>
  z.fromJSONSchema(
    JSON.parse(JSON.stringify(schemas.get(name)), (key, value) => (key === 'pattern' ? undefined : value)),
  );

it('nothing has changed in a way that old data does not fit (npm run contracts)', () => {
  expect(verdict(presentTypes(), goldenFiles())).toEqual([]);
});

describe('golden records: a real one of every version that ever existed', () => {
  for (const [name, record] of records) {
    const { type, version, data } = record;

    it(`${name} is, byte for byte, what its log held`, () => {
      expect(name).toBe(`${type}.v${version}`);
      expect(registered(type).kind).toBe(record.kind);
      if (record.kind === 'event') expect(checksum(record, JSON.stringify(data))).toBe(record.crc);
    });

    it(`${name} fits the schema that it was written with`, () => {
      expect(checking(name).safeParse(data).error).toBeUndefined();
    });

    it(`${name} is read as the present version`, () => {
      const now = upcast(type, version, data);
      expect(registered(type).schema.safeParse(now)).toEqual({ success: true, data: now });
    });
  }

  it('upcasting changes nothing of what it is given', () => {
    const frozen = (it: unknown): unknown => {
      if (typeof it === 'object' && it !== null) Object.values(Object.freeze(it)).forEach(frozen);
      return it;
    };
    for (const { type, version, data } of records.values())
      expect(() => upcast(type, version, frozen(structuredClone(data)))).not.toThrow();
  });

  it('each upcaster makes of one version the next', () => {
    for (const [type, chain] of Object.entries(upcasters))
      for (const [index, step] of chain.entries()) {
        const next = `${type}.v${index + 2}`;
        const data = step(records.get(`${type}.v${index + 1}`)?.data as never);
        expect([next, checking(next).safeParse(data).error]).toEqual([next, undefined]);
      }
  });
});
