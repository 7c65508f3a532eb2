import type { z } from 'zod';
import { type FieldError, ProblemError } from './problem.ts';

/** The most characters of a caller's own field name that an answer repeats. */
const keyCharactersMax = 64;

/** A path as a reader writes it: `lines[0].quantity`; the whole body is the empty path. */
const formatPath = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const key = String(part).slice(0, keyCharactersMax);
    return text === '' ? key : `${text}.${key}`;
  }, '');

/** What zod found, one entry a field; an unknown field is named itself, not the object that holds it. */
const fieldErrors = (error: z.ZodError): FieldError[] =>
  error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: formatPath([...issue.path, key]), message: 'is not a known field' }))
      : [{ path: formatPath(issue.path), message: issue.message }],
  );

/** The value as its schema has it, or an `invalid-request` that names every field that is not so. */
export const valid = <T extends z.ZodType>(schema: T, value: unknown): z.output<T> => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = fieldErrors(parsed.error);
  const first = errors[0];
  const what = first === undefined || first.path === '' ? 'The request' : first.path;
  throw new ProblemError('invalid-request', `${what}: ${first?.message ?? 'is not valid'}`, { errors });
};

/** A part of the path as its schema has it, or an `invalid-id`. */
export const validId = <T extends z.ZodType>(schema: T, name: string, value: unknown): z.output<T> => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = fieldErrors(parsed.error).map(({ message }) => ({ path: name, message }));
  throw new ProblemError('invalid-id', `${name}: ${errors[0]?.message ?? 'is not valid'}`, { errors });
};
