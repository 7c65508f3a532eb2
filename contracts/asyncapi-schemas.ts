import { z } from 'zod';

/** JSON Schemas as AsyncAPI holds them (draft 7): what has a name stands once, under `components.schemas`. */

/** A JSON Schema. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** Where a named schema stands in the document. */
export const schemaRef = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

/** The schemas under their names, and those that they refer to. A mark as personal becomes `x-personal`. */
export const namedSchemas = (schemas: Readonly<Record<string, z.ZodType>>): Record<string, JsonSchema> => {
  const found: Record<string, JsonSchema> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const { $schema: _, definitions = {}, ...whole } = z.toJSONSchema(schema, { target: 'draft-7' });
    // One that is named by itself stands among its own definitions.
    found[name] = told(whole) as JsonSchema;
    for (const [inner, definition] of Object.entries(definitions as Record<string, JsonSchema>))
      found[inner] = told(definition) as JsonSchema;
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
};

const definition = '#/definitions/';

const told = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(told);
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).flatMap(([keyword, value]): [string, unknown][] => {
      if (keyword === 'standIn' || keyword === 'id') return [];
      if (keyword === 'personal') return [['x-personal', value]];
      if (keyword === '$ref') return [[keyword, schemaRef(String(value).slice(definition.length)).$ref]];
      // Fields have names of their own: one called `personal` is a field.
      return [[keyword, keyword === 'properties' ? fields(value as object) : told(value)]];
    }),
  );
};

const fields = (properties: object) =>
  Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, told(schema)]));
