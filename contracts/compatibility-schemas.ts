import { z } from 'zod';
import { registry } from './registry.ts';

/** The schemas of the wire types as JSON Schema, in the form in which golden files keep them. */

/** A JSON Schema as it is kept: references resolved, nothing that is only said to readers but `personal`. */
export type KeptSchema = { readonly [keyword: string]: unknown };

/** A type of the registry as it is now. */
export type PresentType = {
  readonly type: string;
  readonly version: number;
  readonly schema: KeptSchema;
};

/** Every type of the registry with its schema as it is now. */
export const presentTypes = (): PresentType[] =>
  [...registry].map(([type, { version, schema }]) => ({ type, version, schema: keptSchema(schema) }));

/** What a schema says of the data, and of which of it is personal. Refinements by code do not show in it. */
export const keptSchema = (schema: z.ZodType): KeptSchema => {
  const { $defs = {}, ...whole } = z.toJSONSchema(schema);
  return kept(whole, $defs as Readonly<Record<string, unknown>>) as KeptSchema;
};

const saidToReaders = new Set(['$schema', 'description', 'examples', 'title', 'id', 'standIn']);
const definition = '#/$defs/';

const kept = (node: unknown, definitions: Readonly<Record<string, unknown>>): unknown => {
  if (Array.isArray(node)) return node.map((it) => kept(it, definitions));
  if (typeof node !== 'object' || node === null) return node;
  const { $ref, ...own } = node as { readonly $ref?: string };
  const merged =
    $ref === undefined ? own : { ...(definitions[$ref.slice(definition.length)] as object), ...own };
  return Object.fromEntries(
    Object.entries(merged)
      .filter(([keyword]) => !saidToReaders.has(keyword))
      .map(([keyword, value]) => [
        keyword,
        keyword === 'properties' ? keptFields(value as object, definitions) : kept(value, definitions),
      ]),
  );
};

/** Fields have names of their own: one called `description` is a field. */
const keptFields = (fields: object, definitions: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, kept(schema, definitions)]));
