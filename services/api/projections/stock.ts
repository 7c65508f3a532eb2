import { type FoldedEvent, projection, type Rows, table } from '@recourse/infra/project/projection';

/** Stock: where the pieces of each SKU are, and which order holds, or was sent, how many of what. */

/** A SKU, in pieces: received = onHand + reserved + shipped. */
export type StockRow = {
  readonly sku: string;
  readonly received: number;
  /** As its last record says. */
  readonly onHand: number;
  /** Taken for orders that have not been shipped, and not returned. */
  readonly reserved: number;
  readonly shipped: number;
  readonly lastMovement: 'received' | 'taken' | 'returned' | 'shipped';
  /** Milliseconds since 1970. */
  readonly lastMovementAt: number;
};

/** What an order takes, from the beginning of its reservation on: every piece has been taken by the time it is shipped. */
export type ReservationRow = {
  /** Of its ReservationStarted: newer ones are higher. */
  readonly position: number;
  readonly orderId: string;
  readonly state: 'held' | 'shipped' | 'returned';
  readonly pieces: readonly (readonly [sku: string, quantity: number])[];
};

const stock = table<StockRow>({
  columns: {
    sku: 'text not null',
    received: 'integer not null',
    onHand: 'integer not null',
    reserved: 'integer not null',
    shipped: 'integer not null',
    lastMovement: 'text not null',
    lastMovementAt: 'time integer not null',
  },
  key: ['sku'],
  clustered: true,
});

const reservations = table<ReservationRow>({
  columns: {
    position: 'integer primary key',
    orderId: 'text not null',
    state: 'text not null',
    pieces: 'json not null',
  },
  key: ['orderId'],
  hot: ['state', 'held'],
});

type Tables = { readonly stock: Rows<StockRow>; readonly reservations: Rows<ReservationRow> };

/** The SKU of a stock stream: what stands behind `stock-`. */
const skuOf = (stream: string) => stream.slice('stock-'.length);

const none = { received: 0, onHand: 0, reserved: 0, shipped: 0 };

const move = (
  { stock }: Tables,
  sku: string,
  lastMovement: StockRow['lastMovement'],
  lastMovementAt: number,
  change: (before: typeof none) => Partial<StockRow>,
) => {
  const before = stock.get(sku) ?? none;
  stock.put({ ...before, ...change(before), sku, lastMovement, lastMovementAt });
};

const giveUp = (
  { reservations }: Tables,
  { correlation }: FoldedEvent<'InventoryFailed' | 'InventoryReleased'>,
) => {
  const row = reservations.get(correlation);
  if (row !== undefined) reservations.put({ ...row, state: 'returned' });
};

/** See `StockRow` and `ReservationRow`. */
export const stockProjection = projection({
  name: 'stock',
  version: 1,
  tables: { stock, reservations },
  fold: {
    StockReceived: (tables, { stream, time, data: { quantity, onHand } }) =>
      move(tables, skuOf(stream), 'received', time, ({ received }) => ({
        received: received + quantity,
        onHand,
      })),

    StockTaken: (tables, { stream, time, data: { quantity, onHand } }) =>
      move(tables, skuOf(stream), 'taken', time, ({ reserved }) => ({
        reserved: reserved + quantity,
        onHand,
      })),

    StockReturned: (tables, { stream, time, data: { quantity, onHand } }) => {
      // It took nothing: the record only stops a taker that was paused.
      if (quantity === 0) return;
      move(tables, skuOf(stream), 'returned', time, ({ reserved }) => ({
        reserved: reserved - quantity,
        onHand,
      }));
    },

    ReservationStarted: ({ reservations }, { position, correlation, data: { lines } }) =>
      reservations.put({
        position,
        orderId: correlation,
        state: 'held',
        pieces: lines.map(({ sku, quantity }) => [sku, quantity]),
      }),
    InventoryFailed: giveUp,
    InventoryReleased: giveUp,

    OrderShipped: (tables, { correlation, time }) => {
      const row = tables.reservations.get(correlation);
      if (row === undefined) return;
      tables.reservations.put({ ...row, state: 'shipped' });
      for (const [sku, quantity] of row.pieces)
        move(tables, sku, 'shipped', time, ({ reserved, shipped }) => ({
          reserved: reserved - quantity,
          shipped: shipped + quantity,
        }));
    },
  },
});
