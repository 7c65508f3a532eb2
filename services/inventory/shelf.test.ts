import { describe, expect, it } from '@jest/globals';
import { orderId, receiptId, sku } from '../../test/inventory-shop.ts';
import { emptyShelf, hold, learn, letGo, type StockRecord } from './shelf.ts';

const received: StockRecord = {
  type: 'StockReceived',
  revision: 0,
  data: { receiptId: receiptId('first'), quantity: 9, onHand: 9 },
};

const taken = (revision: number, onHand: number): StockRecord => ({
  type: 'StockTaken',
  revision,
  data: { orderId: orderId(revision), quantity: 1, onHand },
});

describe('what is known of a SKU', () => {
  it('is its head alone when nobody holds it any more', () => {
    const shelf = emptyShelf(sku('cup'), 10);
    hold(shelf);
    hold(shelf);
    learn(shelf, received);
    learn(shelf, taken(1, 8));
    letGo(shelf);
    expect([...shelf.traces.keys()]).toEqual([receiptId('first'), orderId(1)]);
    letGo(shelf);
    expect(shelf).toMatchObject({ revision: 1, onHand: 8, tracedFrom: 1, traces: new Map() });
  });

  it('is bounded: the oldest is forgotten, and that it is forgotten is known', () => {
    const shelf = emptyShelf(sku('cup'), 2);
    hold(shelf);
    for (const record of [received, taken(1, 8), taken(2, 7), taken(3, 6)]) learn(shelf, record);
    expect([...shelf.traces.keys()]).toEqual([orderId(2), orderId(3)]);
    expect(shelf.tracedFrom).toBe(1);
  });

  it('is learned once, in order, without a gap', () => {
    const shelf = emptyShelf(sku('cup'), 2);
    learn(shelf, received);
    learn(shelf, taken(1, 8));
    learn(shelf, received);
    expect(shelf).toMatchObject({ revision: 1, onHand: 8 });
    expect(() => learn(shelf, taken(3, 6))).toThrow('revision 3 follows on 1');
  });
});
