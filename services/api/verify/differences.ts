import type { Advance } from '@recourse/sagas/step';

/** A step without what is configuration: how long its timers take, and the versions of its commands' schemas. */
export const uncompared = ({ commands, timers, ...others }: Advance) => ({
  ...others,
  commands: commands.map(({ id, type, data }) => ({ id, type, data })),
  timers: { set: timers.set.map(({ id, kind }) => ({ id, kind })), cancelled: timers.cancelled },
});

const isObject = (it: unknown): it is Readonly<Record<string, unknown>> =>
  typeof it === 'object' && it !== null;

const textMax = 120;

/** A value in a sentence. */
const shown = (value: unknown): string => {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > textMax ? `${text.slice(0, textMax)}…` : text;
};

/** Says where two values differ first, as a reader writes the path: `state.context.because is "x", the machine gives "y"`. */
export const firstDifference = (stored: unknown, found: unknown, path = ''): string => {
  if (!isObject(stored) || !isObject(found))
    return `${path || 'it'} is ${shown(stored)}, the machine gives ${shown(found)}`;
  for (const key of new Set([...Object.keys(stored), ...Object.keys(found)])) {
    if (JSON.stringify(stored[key]) === JSON.stringify(found[key])) continue;
    const at = Array.isArray(stored) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    return firstDifference(stored[key], found[key], at);
  }
  return `${path || 'it'} is not what the machine gives`;
};
