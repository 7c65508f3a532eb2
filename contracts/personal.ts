import type { z } from 'zod';

/**
 * Personal data: what names or describes a person, leads to one at somebody who knows more, or could confirm a guess
 * at one. Schemas mark it by `.meta({ personal: true, standIn: 'customer' })`; `standIn` is what an export calls it.
 */

/** A marked field of a schema. */
export type PersonalField = {
  /** From the data's root: `lines[].sku`. */
  readonly path: string;
  readonly standIn: string;
};

type Parts = {
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
};

const partsOf = (schema: z.ZodType) => (schema as unknown as { readonly def: Parts }).def;

const markOf = (schema: z.ZodType): string | undefined => {
  const { personal, standIn } = schema.meta() ?? {};
  return personal === true ? String(standIn ?? 'personal') : undefined;
};

/** Every marked field of a schema, in the order in which they stand. */
export const personalFields = (schema: z.ZodType, path = ''): PersonalField[] => {
  const standIn = markOf(schema);
  if (standIn !== undefined) return [{ path, standIn }];
  const { shape = {}, innerType, element, valueType, options = [] } = partsOf(schema);
  return [
    ...Object.entries(shape).flatMap(([name, field]) =>
      personalFields(field, path === '' ? name : `${path}.${name}`),
    ),
    ...(innerType === undefined ? [] : personalFields(innerType, path)),
    ...(element === undefined ? [] : personalFields(element, `${path}[]`)),
    ...(valueType === undefined ? [] : personalFields(valueType, `${path}.*`)),
    ...options.flatMap((option) => personalFields(option, path)),
  ];
};

/** A copy of data with every marked text replaced; the same data where its schema marks nothing. */
export const replacePersonal = (
  schema: z.ZodType,
  data: unknown,
  replace: (text: string, standIn: string) => string,
): unknown => {
  const standIn = markOf(schema);
  if (standIn !== undefined) return typeof data === 'string' ? replace(data, standIn) : data;
  if (personalFields(schema).length === 0) return data;
  const { shape, innerType, element, valueType, options } = partsOf(schema);
  const within = (part: z.ZodType, value: unknown) => replacePersonal(part, value, replace);
  if (innerType !== undefined) return within(innerType, data);
  if (options !== undefined) return options.reduce((value, option) => within(option, value), data);
  if (element !== undefined && Array.isArray(data)) return data.map((item) => within(element, item));
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => {
      const part = shape?.[name] ?? valueType;
      return [name, part === undefined ? value : within(part, value)];
    }),
  );
};
