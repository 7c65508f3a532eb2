import { z } from 'zod';

/** What settings are, and the kinds that several of them are of. */

/** What a setting is, besides its value. */
export type Setting<T extends z.ZodType = z.ZodType> = {
  /** The environment variable; the flag is its kebab case. */
  readonly variable: string;
  /** The default, as one would write it. */
  readonly default: string;
  readonly unit: string;
  /** What it does, in a sentence. */
  readonly sentence: string;
  /** Completes "it must be …". */
  readonly allowed: string;
  /** Reads the text. */
  readonly schema: T;
  /** Never shown, in whole or in part. */
  readonly secret?: true;
};

type Words = Pick<Setting, 'variable' | 'default' | 'unit' | 'sentence'>;

const wholeText = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);

/** A number without a fraction, within bounds. */
export const wholeNumber = (min: number, max: number, words: Words) => ({
  ...words,
  allowed: `a whole number from ${min} to ${max}`,
  schema: wholeText.pipe(z.int().min(min).max(max)),
});

const delaysCountMax = 20;
const delayMsMax = 3_600_000;

/** Several delays, each in turn. */
export const delays = (words: Words) => ({
  ...words,
  allowed: `1 to ${delaysCountMax} whole numbers from 1 to ${delayMsMax}, separated by commas`,
  schema: z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(
      z
        .array(wholeText.pipe(z.int().min(1).max(delayMsMax)))
        .min(1)
        .max(delaysCountMax),
    ),
});

/** A switch. */
export const trueOrFalse = (words: Words) => ({
  ...words,
  allowed: 'true or false',
  schema: z.enum(['true', 'false']).transform((text) => text === 'true'),
});

/** One of some names. */
export const oneOf = <const T extends readonly [string, ...string[]]>(names: T, words: Words) => ({
  ...words,
  allowed: `one of ${names.join(', ')}`,
  schema: z.enum(names),
});

/** A text that may be left out: empty is not set. */
export const optional = <T extends z.ZodType>(schema: T) =>
  z.union([z.literal('').transform(() => undefined), schema]);

/** A URL of one of these protocols. */
export const urlOf = (protocols: readonly string[]) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol));
