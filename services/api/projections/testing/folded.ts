import type { EventData, EventType } from '@recourse/contracts/events';
import type { FoldedEvent, Projection, Rows, Value } from '@recourse/infra/project/projection';

/** Folds records in memory, for tests that read: given these events, then these rows. */

/** The start of a test's time: its first event comes then, each one a second after the one before. */
export const startedAt = Date.UTC(2026, 0, 31, 12);

/** The order of tests that need but one. */
export const orderId = '0190a6e1-0000-7000-8000-000000000001';

/** An event of the order, or of the stream that is named. */
export type Given = { [T in EventType]: readonly [type: T, data: object, stream?: string] }[EventType];

/** The rows of every table after these events. */
export const folded = (projection: Projection, ...events: readonly Given[]) =>
  foldedRecords(
    projection,
    events.map(
      ([type, data, stream], index) =>
        ({
          position: index + 1,
          stream: stream ?? `order-${orderId}`,
          revision: index,
          type,
          version: 1,
          time: startedAt + index * 1_000,
          correlation: orderId,
          data: data as EventData[EventType],
        }) as FoldedEvent,
    ),
  );

/** The rows of every table after these records. */
export const foldedRecords = (projection: Projection, records: readonly FoldedEvent[]) => {
  const tables = Object.fromEntries(
    Object.entries(projection.tables).map(([name, { key, hot }]) => {
      const rows = new Map<string, Record<string, unknown>>();
      const table: Rows<Record<string, unknown>> = {
        get: (...values: readonly Value[]) => {
          const row = rows.get(values.join('\n'));
          return hot === undefined || row?.[hot[0]] === hot[1] ? row : undefined;
        },
        find: (...values: readonly Value[]) => rows.get(values.join('\n')),
        put: (row) => {
          rows.set(key.map((column) => row[column]).join('\n'), row);
        },
      };
      return [name, { rows, table }];
    }),
  );
  const seen = Object.fromEntries(Object.entries(tables).map(([name, { table }]) => [name, table]));
  for (const record of records) projection.fold[record.type]?.(seen as never, record);
  return (name: string): readonly Record<string, unknown>[] => [...tables[name]!.rows.values()];
};
