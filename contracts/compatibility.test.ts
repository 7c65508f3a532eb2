import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { narrowings } from './compatibility.ts';
import { type KeptSchema, keptSchema } from './compatibility-schemas.ts';
import { type Kept, verdict } from './compatibility-verdict.ts';

const before = z.strictObject({
  chargeId: z.string().max(20),
  amount: z.int().min(0).max(1_000),
  reason: z.enum(['shortage', 'release']).optional(),
  customer: z.string().nullable(),
  lines: z.array(z.strictObject({ sku: z.string(), revision: z.int() })).max(10),
  seen: z.partialRecord(z.enum(['order', 'payment']), z.int()),
  by: z.literal('person').optional(),
});
const changed = (changes: z.ZodRawShape) => before.extend(changes);
const found = (after: z.ZodType) =>
  narrowings(keptSchema(before), keptSchema(after)).map(({ field, change }) => `${field} ${change}`);

describe('a change that data of before still fits', () => {
  const compatible: Record<string, z.ZodType> = {
    'nothing at all': before,
    'a new optional field': changed({ note: z.string().optional() }),
    'a field that may be left out now': before.partial({ amount: true }),
    'wider bounds': changed({ chargeId: z.string(), amount: z.int().min(-5).max(9_999) }),
    'one more value': changed({ reason: z.enum(['shortage', 'release', 'whim']).optional() }),
    'any number for an integer': changed({ amount: z.number() }),
    'one more alternative': changed({ amount: z.union([z.int(), z.string()]) }),
    'null besides': changed({ chargeId: z.string().nullable() }),
    'a wider field of each line': changed({
      lines: z.array(z.strictObject({ sku: z.string().nullable(), revision: z.int() })),
    }),
    'one more key': changed({ seen: z.partialRecord(z.enum(['order', 'payment', 'shipping']), z.int()) }),
    'text for readers': changed({
      chargeId: z.string().max(20).meta({ description: 'as the provider says' }),
    }),
    'a mark as personal': changed({ chargeId: z.string().max(20).meta({ personal: true }) }),
  };
  for (const [name, after] of Object.entries(compatible)) it(name, () => expect(found(after)).toEqual([]));
});

describe('a change that data of before does not fit names the field', () => {
  const incompatible: [string, z.ZodType, string[]][] = [
    ['removed', before.omit({ amount: true }), ['amount was removed']],
    ['new and required', changed({ fee: z.int() }), ['fee is new and required']],
    ['required now', changed({ reason: z.enum(['shortage', 'release']) }), ['reason is required now']],
    ['of another type', changed({ amount: z.string() }), ['amount was integer and is now string']],
    ['no longer null', changed({ customer: z.string() }), ['customer can no longer be null']],
    [
      'of fewer values',
      changed({ reason: z.enum(['release']).optional() }),
      ['reason can no longer be "shortage"'],
    ],
    [
      'of given values only',
      changed({ chargeId: z.enum(['a', 'b']) }),
      ['chargeId must now be one of "a", "b"'],
    ],
    ['of another constant', changed({ by: z.literal('robot').optional() }), ['by can no longer be "person"']],
    ['shorter', changed({ chargeId: z.string().max(9) }), ['chargeId has the maxLength 9 now (20 before)']],
    ['bounded', changed({ amount: z.int().min(1).max(1_000) }), ['amount has the minimum 1 now (0 before)']],
    [
      'of a pattern',
      changed({ chargeId: z.string().max(20).regex(/^ch/) }),
      ['chargeId has another pattern now: "^ch"'],
    ],
    [
      'inside a list',
      changed({ lines: z.array(z.strictObject({ sku: z.string(), quantity: z.int() })).max(10) }),
      ['lines[].revision was removed', 'lines[].quantity is new and required'],
    ],
    [
      'in a shorter list',
      changed({ lines: before.shape.lines.max(9) }),
      ['lines has the maxItems 9 now (10 before)'],
    ],
    [
      'of fewer keys',
      changed({ seen: z.partialRecord(z.enum(['order']), z.int()) }),
      ['the name of seen.* can no longer be "payment"'],
    ],
    ['the whole', z.array(before), ['data was object and is now array']],
  ];
  for (const [name, after, expected] of incompatible) it(name, () => expect(found(after)).toEqual(expected));

  it('also where it could be anything before', () => {
    const anything = keptSchema(z.strictObject({ data: z.unknown() }));
    const text = keptSchema(z.strictObject({ data: z.string() }));
    expect(narrowings(anything, text)).toEqual([
      { field: 'data', change: 'could be anything and must now be string' },
    ]);
    expect(narrowings(text, anything)).toEqual([]);
  });
});

describe('the verdict on a type', () => {
  const schema = keptSchema(z.strictObject({ chargeId: z.string() }));
  const kept = (more: Partial<Kept> = {}): Kept => ({
    schemas: new Map([['PaymentProcessed.v1', schema]]),
    records: new Set(['PaymentProcessed.v1']),
    upcasters: {},
    ...more,
  });
  const judged = (now: KeptSchema, version: number, files: Kept) =>
    verdict([{ type: 'PaymentProcessed', version, schema: now }], files);
  const renamed = keptSchema(z.strictObject({ charge: z.string() }));
  const both = (version: number) => ({
    schemas: new Map([
      ['PaymentProcessed.v1', schema],
      [`PaymentProcessed.v${version}`, renamed],
    ]),
    records: new Set(['PaymentProcessed.v1', `PaymentProcessed.v${version}`]),
  });

  it('is nothing where all is as it was kept', () => {
    expect(judged(schema, 1, kept())).toEqual([]);
  });

  it('names type, fields and the upcaster that is missing where it changed under the same version', () => {
    const [complaint, ...others] = judged(renamed, 1, kept());
    expect(others).toEqual([]);
    expect(complaint).toMatchObject({ type: 'PaymentProcessed', kind: 'incompatible' });
    expect(complaint?.text.split('\n')).toEqual([
      'PaymentProcessed version 1 does not take what was written with it:',
      '  chargeId was removed',
      '  charge is new and required',
      expect.stringMatching(/Make it version 2 .* from 1 to 2 \(upcasters\.PaymentProcessed\[0\]/),
    ]);
  });

  it('says how to refresh the golden file where it changed compatibly', () => {
    const wider = keptSchema(z.strictObject({ chargeId: z.string(), note: z.string().optional() }));
    expect(judged(wider, 1, kept())).toMatchObject([
      { kind: 'refresh', text: expect.stringContaining('npm run golden') },
    ]);
  });

  it('asks for the upcaster of a version that was raised', () => {
    expect(judged(renamed, 2, kept(both(2)))).toMatchObject([
      { kind: 'no-upcaster', text: expect.stringContaining('from 1 to 2 is missing') },
    ]);
    expect(judged(renamed, 2, kept({ ...both(2), upcasters: { PaymentProcessed: 1 } }))).toEqual([]);
  });

  it('asks for the version of an upcaster that was added', () => {
    expect(judged(schema, 1, kept({ upcasters: { PaymentProcessed: 1 } }))).toMatchObject([
      { kind: 'no-upcaster', text: expect.stringContaining('raise its version') },
    ]);
  });

  it('asks for the golden files of a version that was raised', () => {
    const complaints = judged(renamed, 2, kept({ upcasters: { PaymentProcessed: 1 } }));
    expect(complaints.map(({ kind }) => kind)).toEqual(['no-golden', 'no-golden']);
    expect(complaints[0]?.text).toContain('schemas/PaymentProcessed.v2.json');
    expect(complaints[1]?.text).toContain('--from <data folder>');
  });

  it('misses golden files of versions that once were', () => {
    const files = { ...both(2), schemas: new Map([['PaymentProcessed.v2', renamed]]) };
    expect(judged(renamed, 2, kept({ ...files, upcasters: { PaymentProcessed: 1 } }))).toMatchObject([
      { kind: 'no-golden', text: expect.stringContaining('take it back') },
    ]);
  });

  it('misses a type that was removed, and a version that was lowered', () => {
    expect(verdict([], kept())).toMatchObject([{ type: 'PaymentProcessed', kind: 'gone' }]);
    expect(judged(schema, 1, kept(both(2)))).toMatchObject([
      { kind: 'gone', text: expect.stringContaining('versions only grow') },
    ]);
  });

  it('does not mind the order of keywords', () => {
    const turned = Object.fromEntries(Object.entries(schema).reverse());
    expect(judged(turned, 1, kept())).toEqual([]);
  });
});
