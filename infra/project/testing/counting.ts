import type { EventType } from '@recourse/contracts/events';
import { type FoldedEvent, type Projection, projection, type Rows, table } from '../projection.ts';
import type { LogSource } from '../source.ts';

/** How often an order was heard of, and by what. */
export type Count = {
  readonly correlation: string;
  readonly events: number;
  readonly types: readonly string[];
};
/** What a counting projection does with each record. */
export type Fold = (tables: { readonly counts: Rows<Count> }, record: FoldedEvent) => void;

/** Counts a record. */
export const count: Fold = ({ counts }, { correlation, type }) => {
  const before = counts.get(correlation) ?? { correlation, events: 0, types: [] };
  counts.put({ ...before, events: before.events + 1, types: [...before.types, type] });
};

/** A projection that counts the events of an order's beginning and end, one row an order. */
export const counting = (name: string, version = 1, fold: Fold = count): Projection =>
  projection({
    name,
    version,
    tables: {
      counts: table<Count>({
        columns: { correlation: 'text', events: 'integer not null', types: 'json not null' },
        key: ['correlation'],
        clustered: true,
      }),
    },
    fold: { OrderCreated: fold, OrderCompleted: fold, OrderCancelled: fold },
  });

/** A record of an order. */
export const record = (position: number, type: EventType, correlation: string): FoldedEvent =>
  ({
    position,
    stream: `order-${correlation}`,
    revision: 0,
    type,
    version: 1,
    time: position,
    correlation,
    data: {},
  }) as FoldedEvent;

/** A log in memory, read in stretches of at most so many records. */
export const logOf = (records: readonly FoldedEvent[], stretchMax = 1_000, name = 'log'): LogSource => ({
  head: () => records.length,
  read: (after, max, wanted) => {
    const last = Math.min(records.length, after + Math.min(max, stretchMax));
    if (last <= after) return undefined;
    const found = records.slice(after, last).filter(({ type }) => wanted.has(type));
    return { records: found, place: { position: last, id: `${name}-${last}` } };
  },
  idAt: (position) => (position <= records.length ? `${name}-${position}` : undefined),
  positionAt: (timeMs) => records.filter(({ time }) => time <= timeMs).length,
  close: () => {},
});

/** The records of so many orders, three each, in turn for seven ids. */
export const orders = (n: number): FoldedEvent[] =>
  Array.from({ length: n }, (_, index) => [
    record(index * 3 + 1, 'OrderCreated', `o${index % 7}`),
    record(index * 3 + 2, 'SagaAdvanced', `o${index % 7}`),
    record(index * 3 + 3, 'OrderCompleted', `o${index % 7}`),
  ]).flat();
