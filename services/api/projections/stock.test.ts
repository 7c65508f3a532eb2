import { describe, expect, it } from '@jest/globals';
import { stockProjection } from './stock.ts';
import { folded, type Given, orderId, startedAt } from './testing/folded.ts';

const received = (sku: string, quantity: number, onHand: number): Given => [
  'StockReceived',
  { receiptId: 'r', quantity, onHand },
  `stock-${sku}`,
];
const started = (...lines: readonly (readonly [sku: string, quantity: number])[]): Given => [
  'ReservationStarted',
  { commandId: 'c', lines: lines.map(([sku, quantity]) => ({ sku, quantity, revision: 0 })) },
];
const taken = (sku: string, quantity: number, onHand: number): Given => [
  'StockTaken',
  { orderId, quantity, onHand },
  `stock-${sku}`,
];
const returned = (sku: string, quantity: number, onHand: number): Given => [
  'StockReturned',
  { orderId, quantity, onHand },
  `stock-${sku}`,
];
const shipped: Given = ['OrderShipped', { commandId: 'c', shipmentId: 'sh' }];

const stock = (...events: readonly Given[]) => folded(stockProjection, ...events)('stock');
const reservation = (...events: readonly Given[]) => folded(stockProjection, ...events)('reservations')[0];

describe('the fold of stock', () => {
  it('adds up what was received', () => {
    expect(stock(received('TEA', 10, 10), received('TEA', 5, 15))).toEqual([
      {
        sku: 'TEA',
        received: 15,
        onHand: 15,
        reserved: 0,
        shipped: 0,
        lastMovement: 'received',
        lastMovementAt: startedAt + 1_000,
      },
    ]);
  });

  it('moves pieces from on hand to reserved to shipped', () => {
    const events = [received('TEA', 10, 10), started(['TEA', 3]), taken('TEA', 3, 7)];
    expect(stock(...events)).toMatchObject([
      { received: 10, onHand: 7, reserved: 3, shipped: 0, lastMovement: 'taken' },
    ]);
    expect(stock(...events, shipped)).toMatchObject([
      { received: 10, onHand: 7, reserved: 0, shipped: 3, lastMovement: 'shipped' },
    ]);
  });

  it('puts back what is returned', () => {
    expect(
      stock(received('TEA', 10, 10), started(['TEA', 3]), taken('TEA', 3, 7), returned('TEA', 3, 10)),
    ).toMatchObject([{ onHand: 10, reserved: 0, shipped: 0, lastMovement: 'returned' }]);
  });

  it('sees no movement where nothing had been taken', () => {
    expect(stock(received('TEA', 10, 10), returned('TEA', 0, 10))).toMatchObject([
      { lastMovement: 'received', lastMovementAt: startedAt },
    ]);
  });

  it('keeps SKUs apart, whatever they are called', () => {
    const events = [
      received('a-b', 10, 10),
      received('__proto__', 5, 5),
      started(['a-b', 1], ['__proto__', 2]),
    ];
    expect(stock(...events, taken('a-b', 1, 9), taken('__proto__', 2, 3), shipped)).toMatchObject([
      { sku: 'a-b', onHand: 9, reserved: 0, shipped: 1 },
      { sku: '__proto__', onHand: 3, reserved: 0, shipped: 2 },
    ]);
  });

  it('knows which order holds what, and whether it was shipped or given back', () => {
    expect(reservation(started(['TEA', 3], ['CUP', 1]))).toEqual({
      position: 1,
      orderId,
      state: 'held',
      pieces: [
        ['TEA', 3],
        ['CUP', 1],
      ],
    });
    expect(reservation(started(['TEA', 3]), shipped)).toMatchObject({ state: 'shipped' });
    for (const answer of ['InventoryFailed', 'InventoryReleased'] as const)
      expect(reservation(started(['TEA', 3]), [answer, { commandId: 'c' }])).toMatchObject({
        state: 'returned',
      });
  });

  it('has no reservation where an order failed before it had begun one', () => {
    expect(reservation(['InventoryFailed', { commandId: 'c', shortages: [] }])).toBeUndefined();
  });
});
