import type { KeptSchema } from './compatibility-schemas.ts';

/** What a schema no longer takes of what its older form took. */
export type Narrowing = {
  /** The field, from the data's root: `lines[].quantity`; the data itself is `data`. */
  readonly field: string;
  /** Goes on after the field's name: `was removed`. */
  readonly change: string;
};

/**
 * Where data that fits the older schema would not fit the newer one: a field that was removed or is newly required,
 * a type that changed, a bound that became narrower, an enum that lost a value. None where all that was ever written
 * stays readable: a new optional field, a wider bound, one more alternative. Knows the keywords that zod writes; any
 * other that changed counts as narrower.
 */
export const narrowings = (older: KeptSchema, newer: KeptSchema, field = ''): Narrowing[] => {
  const before = alternatives(older);
  const after = alternatives(newer);
  if (before.length === 1 && after.length === 1) return narrowingsOfOne(before[0]!, after[0]!, field);
  return before.flatMap((was) => {
    if (after.some((is) => narrowingsOfOne(was, is, field).length === 0)) return [];
    const alike = after.filter(({ type }) => type === was.type);
    return alike.length === 1
      ? narrowingsOfOne(was, alike[0]!, field)
      : [said(field, `can no longer be ${inWords(was)}`)];
  });
};

/** What a schema may be, one by one: `anyOf` this or that, a list of types, or only itself. */
const alternatives = (schema: KeptSchema): readonly KeptSchema[] => {
  const several = (schema.anyOf ?? schema.oneOf) as readonly KeptSchema[] | undefined;
  if (several !== undefined) return several.flatMap(alternatives);
  return Array.isArray(schema.type) ? schema.type.map((type) => ({ ...schema, type })) : [schema];
};

const narrowingsOfOne = (was: KeptSchema, is: KeptSchema, field: string): Narrowing[] => {
  if (isAnything(is)) return [];
  if (isAnything(was)) return [said(field, `could be anything and must now be ${inWords(is)}`)];
  if (was.type !== is.type && !(was.type === 'integer' && is.type === 'number'))
    return [said(field, `was ${inWords(was)} and is now ${inWords(is)}`)];
  return [
    ...lostValues(was, is, field),
    ...narrowerBounds(was, is, field),
    ...(was.type === 'object' ? narrowerFields(was, is, field) : []),
    ...(was.type === 'array' ? narrowings(part(was.items), part(is.items), `${field}[]`) : []),
    ...otherKeywords(was, is, field),
  ];
};

const isAnything = (schema: KeptSchema) => Object.keys(schema).every((keyword) => keyword === 'personal');

/** A schema that is left out takes anything, as `true` does. */
const part = (schema: unknown): KeptSchema =>
  schema === undefined || schema === true ? {} : (schema as KeptSchema);

const valuesOf = ({ const: only, enum: several }: KeptSchema): readonly unknown[] | undefined =>
  only === undefined ? (several as readonly unknown[] | undefined) : [only];

const lostValues = (was: KeptSchema, is: KeptSchema, field: string): Narrowing[] => {
  const [before, after] = [valuesOf(was), valuesOf(is)];
  if (after === undefined) return [];
  if (before === undefined) return [said(field, `must now be one of ${after.map(shown).join(', ')}`)];
  const lost = before.filter((value) => !after.includes(value));
  return lost.length === 0 ? [] : [said(field, `can no longer be ${lost.map(shown).join(', ')}`)];
};

/** Bounds that only a number may have, by which of two is the narrower one. */
const bounds = {
  minimum: Math.max,
  exclusiveMinimum: Math.max,
  minLength: Math.max,
  minItems: Math.max,
  maximum: Math.min,
  exclusiveMaximum: Math.min,
  maxLength: Math.min,
  maxItems: Math.min,
} as const;

const narrowerBounds = (was: KeptSchema, is: KeptSchema, field: string): Narrowing[] =>
  Object.entries(bounds).flatMap(([keyword, narrower]) => {
    const [before, after] = [was[keyword], is[keyword]] as (number | undefined)[];
    if (after === undefined || after === before) return [];
    if (before !== undefined && narrower(before, after) === before) return [];
    return [said(field, `has the ${keyword} ${after} now (${before ?? 'none'} before)`)];
  });

type Fields = Readonly<Record<string, KeptSchema>>;

const narrowerFields = (was: KeptSchema, is: KeptSchema, field: string): Narrowing[] => {
  const [before, after] = [was.properties ?? {}, is.properties ?? {}] as [Fields, Fields];
  const [needed, needs] = [was.required ?? [], is.required ?? []] as (readonly string[])[];
  const at = (name: string) => (field === '' ? name : `${field}.${name}`);
  const kept = Object.entries(before).flatMap(([name, schema]) => {
    if (after[name] !== undefined) return narrowings(schema, after[name], at(name));
    if (is.additionalProperties === false) return [said(at(name), 'was removed')];
    return narrowings(schema, part(is.additionalProperties), at(name));
  });
  const newlyNeeded = needs!
    .filter((name) => !needed!.includes(name))
    .map((name) => said(at(name), before[name] === undefined ? 'is new and required' : 'is required now'));
  return [...kept, ...newlyNeeded, ...narrowerRest(was, is, at('*'))];
};

/** Fields that are not named one by one: whether there may be any, how they are called and what they hold. */
const narrowerRest = (was: KeptSchema, is: KeptSchema, field: string): Narrowing[] => {
  const [before, after] = [was.additionalProperties, is.additionalProperties];
  if (before === false) return [];
  if (after === false) return [said(field, 'may not be there any more')];
  return [
    ...narrowings(part(before), part(after), field),
    ...narrowings(part(was.propertyNames), part(is.propertyNames), `the name of ${field}`),
  ];
};

const understood = new Set([
  ...Object.keys(bounds),
  ...['type', 'const', 'enum', 'properties', 'required', 'additionalProperties', 'propertyNames', 'items'],
  ...['personal'],
]);

/** A keyword that is not understood (a pattern, a format) may only stay as it is, or go. */
const otherKeywords = (was: KeptSchema, is: KeptSchema, field: string): Narrowing[] =>
  Object.keys(is)
    .filter((keyword) => !understood.has(keyword) && shown(was[keyword]) !== shown(is[keyword]))
    .map((keyword) => said(field, `has another ${keyword} now: ${shown(is[keyword])}`));

const inWords = (schema: KeptSchema): string =>
  valuesOf(schema)?.map(shown).join(' or ') ?? String(schema.type ?? 'something else');

const shown = (value: unknown) => JSON.stringify(value);
const said = (field: string, change: string): Narrowing => ({ field: field === '' ? 'data' : field, change });
