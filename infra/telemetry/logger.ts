import type { Writable } from 'node:stream';
import { commandData } from '@recourse/contracts/commands';
import { eventData } from '@recourse/contracts/events';
import { OrderRequest } from '@recourse/contracts/http';
import { type Level, type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import type { z } from 'zod';

/** Names of the fields that the contracts mark as personal, wherever they stand in a schema. */
export const personalFields = (schemas: Iterable<z.ZodType>): ReadonlySet<string> => {
  const names = new Set<string>();
  const seen = new Set<unknown>();
  const visit = (schema: z.ZodType, name: string | undefined): void => {
    if (seen.has(schema) && name === undefined) return;
    seen.add(schema);
    if (name !== undefined && schema.meta()?.personal === true) names.add(name);
    const { def } = schema as unknown as { readonly def: Record<string, unknown> };
    const shape = def.shape as Record<string, z.ZodType> | undefined;
    for (const [key, field] of Object.entries(shape ?? {})) visit(field, key);
    // Wrappers (optional, nullable) hold the marked schema: the field's name goes with it.
    if (def.innerType !== undefined) visit(def.innerType as z.ZodType, name);
    if (def.element !== undefined) visit(def.element as z.ZodType, undefined);
  };
  for (const schema of schemas) visit(schema, undefined);
  return names;
};

const personal = personalFields([...Object.values(eventData), ...Object.values(commandData), OrderRequest]);

const censored = '[personal]';

/** Where a child's bindings may hold personal data. */
const bindingPaths = [...personal].flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** Deeper than this nothing of ours is nested; what is, is left out. */
const depthMax = 8;

/** A copy without personal data. Of an error: its name, message, stack and code, and its own fields likewise. */
const withoutPersonal = (value: unknown, depth = 0): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= depthMax) return '[deep]';
  if (Array.isArray(value)) return value.map((item) => withoutPersonal(item, depth + 1));
  if (value instanceof Date) return value;
  const error = value instanceof Error || ('stack' in value && 'message' in value);
  const entries = Object.entries(value).map(([key, field]): [string, unknown] => [
    key,
    personal.has(key) ? censored : withoutPersonal(field, depth + 1),
  ]);
  if (!error) return Object.fromEntries(entries);
  const { name, message, stack, cause } = value as Error;
  return {
    type: name,
    message,
    stack,
    ...(cause !== undefined && { cause: withoutPersonal(cause, depth + 1) }),
    ...Object.fromEntries(entries),
  };
};

/** What a logger is made from. */
export type LoggerOptions = {
  readonly level: Level | 'silent';
  /** Lines for people, or JSON; `auto`: for people when stderr is a terminal. */
  readonly pretty: 'auto' | 'pretty' | 'json';
  /** Where lines go; stderr when left out. */
  readonly destination?: Writable;
};

const stderr = 2;

/**
 * The log of a running process: a JSON object a line, or lines for people. Fields that the contracts mark as personal
 * are struck out, at any depth and in a child's bindings; so give personal data a field of its own, never a place in
 * a message.
 */
export const createLogger = ({ level, pretty: format, destination }: LoggerOptions): Logger => {
  const forPeople = format === 'pretty' || (format === 'auto' && process.stderr.isTTY === true);
  const sink = forPeople
    ? pretty({
        destination: destination ?? stderr,
        sync: true,
        translateTime: 'SYS:HH:MM:ss.l',
        ignore: 'pid,hostname',
      })
    : (destination ?? pino.destination({ dest: stderr, sync: true }));
  const clean = (fields: Record<string, unknown>) => withoutPersonal(fields) as Record<string, unknown>;
  return pino(
    {
      level,
      base: null,
      formatters: { log: clean },
      // What a child carries does not pass the formatter.
      redact: { paths: bindingPaths, censor: censored },
      serializers: { err: (cleaned: unknown) => cleaned },
    },
    sink,
  );
};
