/** Writes values as TypeScript, in the form that the formatter gives them. */

/** Source that stands as it is where a value is expected. */
export type Raw = { readonly raw: string };

/** A call that stands where a value is expected. */
export type Call = { readonly call: string; readonly of: readonly unknown[] };

const lineWidthMax = 110;
const indentBy = 2;

/**
 * A value as source, to stand after `column` characters of a line that is indented by `indent`. On one line where it
 * fits there, with what follows it.
 */
export const literal = (value: unknown, indent: number, column: number): string => {
  const line = onOneLine(value);
  // One character follows: a comma, or what closes.
  if (!breaks(value) && column + line.length + 1 <= lineWidthMax) return line;
  if (Array.isArray(value))
    return bracketed(
      '[',
      value.map((it) => ['', it] as const),
      ']',
      indent,
    );
  if (isObject(value)) {
    const fields = Object.entries(value).filter(([, it]) => it !== undefined);
    return bracketed(
      '{',
      fields.map(([key, it]) => [`${nameOf(key)}: `, it] as const),
      '}',
      indent,
    );
  }
  return line;
};

const bracketed = (
  open: string,
  parts: readonly (readonly [name: string, value: unknown])[],
  close: string,
  indent: number,
): string => {
  const inner = indent + indentBy;
  const margin = ' '.repeat(inner);
  const lines = parts.map(
    ([name, value]) => `${margin}${name}${literal(value, inner, inner + name.length)},\n`,
  );
  return `${open}\n${lines.join('')}${' '.repeat(indent)}${close}`;
};

/** A list of several objects with several fields each never stands on one line, nor does what holds one. */
const breaks = (value: unknown): boolean => {
  if (!isObject(value) && !Array.isArray(value)) return false;
  const parts = Object.values(value);
  const isTable =
    Array.isArray(value) &&
    value.length > 1 &&
    value.every((it) => isObject(it) && Object.keys(it).length > 1);
  return isTable || parts.some(breaks);
};

/** No list, and neither source nor a call. */
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isRaw(value) && !isCall(value);

const isRaw = (value: object): value is Raw => 'raw' in value;
const isCall = (value: object): value is Call => 'call' in value;

const onOneLine = (value: unknown): string => {
  if (typeof value === 'string') return text(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(', ')}]`;
  if (isRaw(value)) return value.raw;
  if (isCall(value)) return `${value.call}(${value.of.map(onOneLine).join(', ')})`;
  const fields = Object.entries(value).filter(([, it]) => it !== undefined);
  if (fields.length === 0) return '{}';
  return `{ ${fields.map(([key, it]) => `${nameOf(key)}: ${onOneLine(it)}`).join(', ')} }`;
};

const nameOf = (key: string) => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : text(key));

/** In single quotes, unless that would take more escapes than double ones. */
const text = (value: string): string => {
  const double = JSON.stringify(value);
  if (value.includes("'") && !value.includes('"')) return double;
  return `'${double.slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
};
