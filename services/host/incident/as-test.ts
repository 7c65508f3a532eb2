import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { literal, type Raw } from './literal.ts';
import { namesOf, withNames } from './names.ts';
import { type Part, partsOf } from './parts.ts';
import type { Exported } from './read-export.ts';

/**
 * A history as a test file for jest: what was asked and what came of it, in the order of the log, through the deciders
 * and the machine. What it imports says what is done with it: `services/host/testing/incident.ts`.
 */
export const asTest = (exported: Exported): string => {
  const { orderId } = exported.header;
  const records = exported.records.filter(
    ({ forReading }) => forReading !== true,
  ) as unknown as readonly RecordedEvent[];
  const names = namesOf(records);
  const used = new Set<string>();
  const parts = partsOf(records).map(
    ({ who, told }): Part => ({ who, told: withNames(told, names, (name) => used.add(name)) as object }),
  );
  const body = parts.map(sourceOf).join('\n');
  const ids = Object.fromEntries(
    [...names].filter(([, name]) => used.has(name)).map(([id, name]) => [name, id]),
  );
  return [
    head(exported, records),
    `import { incident } from '@recourse/host/testing/incident';\n`,
    constant('ids', ids),
    constant('placed', records[0]?.data),
    `incident('order ${orderId}: ${endOf(records)}', (story) => {\n  const ${tellers(body)} = story;\n\n${body}});\n`,
  ].join('\n');
};

const head = ({ header }: Exported, records: readonly RecordedEvent[]) => `/**
 * Order ${header.orderId}, ${endOf(records)}: ${records.length} records from ${records[0]?.time} on.
 * Written by \`recourse export --as-test\`. Personal data stands replaced, and ids made from it are compared up to
 * renaming; all other ids must come out the same.
 */`;

const ends: Partial<Record<RecordedEvent['type'], string>> = {
  OrderCompleted: 'completed',
  OrderCancelled: 'cancelled',
};

const endOf = (records: readonly RecordedEvent[]) => {
  const end = records.findLast(({ type }) => ends[type] !== undefined);
  return end === undefined ? 'still open' : `${ends[end.type]}`;
};

const constant = (name: string, value: unknown) =>
  `const ${name} = ${literal(value, 0, `const ${name} = `.length)};\n`;

/** Only what is used is taken from the story. */
const tellers = (body: string) => {
  const all = ['given', 'order', 'payment', 'inventory', 'shipping', 'saga', 'issued', 'heard'];
  return `{ ${all.filter((name) => new RegExp(`\\b${name}\\(`).test(body)).join(', ')} }`;
};

/** What was placed stands in a constant: it is both what the order's decider was asked and what it decided. */
const sourceOf = ({ who, told }: Part, index: number): string =>
  `  ${who}(${literal(index === 0 ? withPlaced(told) : told, 2, who.length + 3)});\n`;

const withPlaced = (told: object): object => {
  const { when, outcome } = told as { readonly when: object; readonly outcome: readonly object[] };
  const data: Raw = { raw: 'placed' };
  return { when: { ...when, data }, outcome: outcome.map((event) => ({ ...event, data })) };
};
