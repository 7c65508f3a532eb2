import { describe, expect, it } from '@jest/globals';
import type { CommandName } from '@recourse/contracts/commands';
import type { EventId, Sku, TimerId } from '@recourse/contracts/ids';
import { asksMax, undoAsksFlagged } from './chart-parts.ts';
import { orderSagaV1 } from './order-saga-v1.ts';
import { type Advance, accepted, type OrderFacts, type SagaInput, type SagaState, step } from './step.ts';

const times = { askDelaysMs: [1_000, 2_000, 5_000, 10_000, 20_000], deadlineMs: 300_000 };
const line = (sku: string, quantity: number) => ({ sku: sku as Sku, quantity, unitPrice: 250 });
const facts = {
  customerId: null,
  currency: 'GBP',
  country: 'France',
  paymentToken: 'tok_accepted',
  lines: [line('A', 1), line('B', 2), line('A', 3)],
  total: 1_500,
  bodyHash: 'hash',
} as unknown as OrderFacts;

const categories: Record<string, SagaInput['category']> = {
  OrderCreated: 'order',
  OrderCancellationRequested: 'order',
  OrderCompleted: 'order',
  OrderCancelled: 'order',
  PaymentProcessed: 'payment',
  PaymentFailed: 'payment',
  PaymentRefunded: 'payment',
  InventoryReserved: 'inventory',
  InventoryFailed: 'inventory',
  InventoryReleased: 'inventory',
  OrderShipped: 'shipping',
  ShippingFailed: 'shipping',
  ShipmentCancelled: 'shipping',
  ShipmentCancellationRefused: 'shipping',
};

let inputs = 0;
const input = (type: string, extra: Partial<SagaInput> = {}): SagaInput => {
  inputs += 1;
  return {
    id: `0192f0a0-0000-7000-8000-${String(inputs).padStart(12, '0')}` as EventId,
    type,
    category: categories[type] ?? 'saga-input',
    revision: inputs,
    data: {},
    ...extra,
  };
};
const timer = (timerId: TimerId | undefined, started = true, overdue = false) =>
  input('TimerFired', { data: { timerId, overdue }, started });

/** A saga that has heard these, one after the other. */
const after = (...types: string[]): SagaState =>
  types.reduce((state, type) => step(state, input(type), facts, times, 1)?.state ?? state, accepted);

const way = {
  accepted: [],
  paying: ['OrderCreated'],
  reserving: ['OrderCreated', 'PaymentProcessed'],
  shipping: ['OrderCreated', 'PaymentProcessed', 'InventoryReserved'],
  completing: ['OrderCreated', 'PaymentProcessed', 'InventoryReserved', 'OrderShipped'],
  cancellingShipment: ['OrderCreated', 'PaymentProcessed', 'InventoryReserved', 'OrderCancellationRequested'],
  releasing: ['OrderCreated', 'PaymentProcessed', 'InventoryReserved', 'ShippingFailed'],
  refunding: ['OrderCreated', 'PaymentProcessed', 'InventoryFailed'],
  cancelling: ['OrderCreated', 'PaymentFailed'],
  completed: ['OrderCreated', 'PaymentProcessed', 'InventoryReserved', 'OrderShipped', 'OrderCompleted'],
  cancelled: ['OrderCreated', 'PaymentFailed', 'OrderCancelled'],
} as const;
type State = keyof typeof way;

/** What each state makes of each event that it hears: the next state and the command. Every other pair is ignored. */
const heard: Record<State, Record<string, readonly [State, CommandName?]>> = {
  accepted: { OrderCreated: ['paying', 'ProcessPayment'] },
  paying: {
    PaymentProcessed: ['reserving', 'ReserveInventory'],
    PaymentFailed: ['cancelling', 'CancelOrder'],
    OrderCancellationRequested: ['refunding', 'RefundPayment'],
    RetryRequested: ['paying', 'ProcessPayment'],
  },
  reserving: {
    InventoryReserved: ['shipping', 'ShipOrder'],
    InventoryFailed: ['refunding', 'RefundPayment'],
    OrderCancellationRequested: ['releasing', 'ReleaseInventory'],
    RetryRequested: ['reserving', 'ReserveInventory'],
  },
  shipping: {
    OrderShipped: ['completing', 'CompleteOrder'],
    ShippingFailed: ['releasing', 'ReleaseInventory'],
    OrderCancellationRequested: ['cancellingShipment', 'CancelShipment'],
    RetryRequested: ['shipping', 'ShipOrder'],
  },
  completing: {
    OrderCompleted: ['completed'],
    OrderCancellationRequested: ['completing'],
    RetryRequested: ['completing', 'CompleteOrder'],
  },
  cancellingShipment: {
    ShipmentCancelled: ['releasing', 'ReleaseInventory'],
    ShipmentCancellationRefused: ['completing', 'CompleteOrder'],
    OrderCancellationRequested: ['cancellingShipment'],
    RetryRequested: ['cancellingShipment', 'CancelShipment'],
  },
  releasing: {
    InventoryReleased: ['refunding', 'RefundPayment'],
    OrderCancellationRequested: ['releasing'],
    RetryRequested: ['releasing', 'ReleaseInventory'],
  },
  refunding: {
    PaymentRefunded: ['cancelling', 'CancelOrder'],
    OrderCancellationRequested: ['refunding'],
    RetryRequested: ['refunding', 'RefundPayment'],
  },
  cancelling: {
    OrderCancelled: ['cancelled'],
    OrderCancellationRequested: ['cancelling'],
    RetryRequested: ['cancelling', 'CancelOrder'],
  },
  completed: {},
  cancelled: {},
};

const states = Object.keys(way) as State[];
const events = [...Object.keys(categories), 'RetryRequested'];
const pairs = states.flatMap((state) => events.map((event) => [state, event] as const));

describe('every state has an answer to every event', () => {
  it('knows every state and event of the chart', () => {
    expect(states.toSorted()).toEqual(Object.keys(orderSagaV1.states).toSorted());
    expect([...events, 'AskDue', 'DeadlinePassed'].toSorted()).toEqual([...orderSagaV1.events].toSorted());
  });

  it.each(pairs)('%s hears %s', (name, event) => {
    const state = after(...way[name]);
    expect(state.value).toBe(name);
    // A cancellation that was heard on the way there changes nothing when it comes again.
    const repeated = event === 'OrderCancellationRequested' && state.context.cancelRequested === true;
    const expected = repeated ? [name] : heard[name][event];
    const advance = step(state, input(event), facts, times, 1);
    if (expected === undefined) return expect(advance).toBeUndefined();
    expect([advance?.state.value ?? name, ...(advance?.commands.map(({ type }) => type) ?? [])]).toEqual(
      expected,
    );
  });
});

const undoOf: Partial<Record<State, readonly [State, CommandName, string]>> = {
  paying: ['refunding', 'RefundPayment', 'payment-unknown'],
  reserving: ['releasing', 'ReleaseInventory', 'inventory-unknown'],
  shipping: ['cancellingShipment', 'CancelShipment', 'shipping-unknown'],
};
const open = states.filter((state) => !['accepted', 'completed', 'cancelled'].includes(state));

const askAgain = (state: SagaState, started = true, overdue = false): Advance =>
  step(state, timer(state.context.askTimer, started, overdue), facts, times, 1)!;

describe('asking again', () => {
  it.each(open)('%s asks again with the same command id, at growing intervals', (name) => {
    let state = after(...way[name]);
    const { commandId } = state.context.outstanding!;
    for (const delay of [2_000, 5_000, 10_000, 20_000, 20_000]) {
      const advance = askAgain(state);
      expect(advance.commands.map(({ id }) => id)).toEqual([commandId]);
      expect(advance.timers.set).toEqual([expect.objectContaining({ kind: 'ask', afterMs: delay })]);
      state = advance.state;
    }
    const last = askAgain(state);
    const undo = undoOf[name];
    if (undo === undefined) expect(last.commands[0]!.id).toBe(commandId);
    else {
      expect([last.state.value, last.commands[0]!.type, last.state.context.because]).toEqual(undo);
      expect(last.commands[0]!.id).not.toBe(commandId);
    }
  });

  it.each(open)(
    '%s does not count an ask that was overdue, nor one whose command is still queued',
    (name) => {
      let state = after(...way[name]);
      for (let round = 0; round < asksMax * 3; round += 1) {
        state = askAgain(state, round % 2 === 0, true).state;
        expect(state.value).toBe(name);
      }
      const first = askAgain(state, false);
      expect(first.commands).toEqual([]);
      expect(first.timers.set[0]!.afterMs).toBe(20_000);
      for (let round = 0; round < asksMax * 3; round += 1) {
        const again = askAgain(round === 0 ? first.state : state, false);
        expect(again.commands.map(({ id }) => id)).toEqual([state.context.outstanding!.commandId]);
        expect(again.timers.set[0]!.afterMs).toBe(20_000);
        state = again.state;
        expect(state.value).toBe(name);
      }
    },
  );

  it.each(open)('%s is flagged, and goes on, when its deadline passes', (name) => {
    const state = after(...way[name]);
    const advance = step(state, timer(state.context.deadlineTimer), facts, times, 1)!;
    expect(advance.state.value).toBe(name);
    expect(advance.state.context.flags).toEqual(['deadline']);
    expect(advance.commands).toEqual([]);
  });

  it('flags an undo that was asked often, and asks it for ever', () => {
    let state = after(...way.refunding);
    for (let asks = 1; asks <= undoAsksFlagged + 5; asks += 1) {
      state = askAgain(state).state;
      expect(state.context.flags).toEqual(asks < undoAsksFlagged ? undefined : ['asked-often']);
    }
    expect(state.value).toBe('refunding');
  });

  it('asks ever more seldom once a person has been called, until that person has it asked anew', () => {
    let state = after(...way.refunding);
    const delays: number[] = [];
    for (let asks = 0; asks < 15; asks += 1) {
      const advance = askAgain(state);
      delays.push(advance.timers.set[0]!.afterMs / 1_000);
      state = advance.state;
    }
    expect(delays).toEqual([2, 5, 10, 20, 20, 20, 20, 20, 40, 80, 160, 320, 600, 600, 600]);
    const anew = step(state, input('RetryRequested'), facts, times, 1)!;
    expect(anew.timers.set[0]!.afterMs).toBe(1_000);
  });

  it('ignores a timer that is not set any more', () => {
    const before = after(...way.paying);
    const state = after(...way.reserving);
    expect(step(state, timer(before.context.askTimer), facts, times, 1)).toBeUndefined();
    expect(step(state, timer('unknown' as TimerId), facts, times, 1)).toBeUndefined();
  });
});

describe('a step', () => {
  it('sums the lines of one SKU', () => {
    const advance = step(after('OrderCreated'), input('PaymentProcessed'), facts, times, 1)!;
    expect(advance.commands[0]!.data).toEqual({
      lines: [
        { sku: 'A', quantity: 4 },
        { sku: 'B', quantity: 2 },
      ],
    });
  });

  it('gives the same ids for the same input, and others for other data', () => {
    const created = input('OrderCreated');
    const once = step(accepted, created, facts, times, 1)!;
    expect(step(accepted, created, facts, times, 1)).toEqual(once);
    const dearer = step(accepted, created, { ...facts, total: 1_501 }, times, 1)!;
    expect(dearer.commands[0]!.id).not.toBe(once.commands[0]!.id);
  });

  it('ignores what is not newer than the last revision heard of its stream', () => {
    const state = after(...way.reserving);
    const old = input('PaymentFailed', { revision: state.context.sequence.payment! });
    expect(step(state, old, facts, times, 1)).toBeUndefined();
  });

  it('flags a late answer and decides nothing by it', () => {
    const late = step(
      after(...way.paying),
      input('PaymentProcessed', { data: { late: true } }),
      facts,
      times,
      1,
    )!;
    expect(late.state.value).toBe('paying');
    expect(late.state.context.flags).toEqual(['late-answer']);
    expect(late.commands).toEqual([]);
  });

  it('cancels every timer with its last step, and waits for nothing more', () => {
    const state = after(...way.completing);
    const last = step(state, input('OrderCompleted'), facts, times, 1)!;
    expect(last.timers).toEqual({
      set: [],
      cancelled: [state.context.askTimer, state.context.deadlineTimer],
    });
    expect(last.state).toEqual({
      value: 'completed',
      status: 'done',
      context: { sequence: expect.anything() },
    });
  });

  it('remembers why it goes back, and forgets it when it must go forward', () => {
    const back = after(...way.cancellingShipment);
    expect(back.context.because).toBe('customer-cancelled');
    const forward = step(back, input('ShipmentCancellationRefused'), facts, times, 1)!;
    expect(forward.state.context.because).toBeUndefined();
    expect(forward.state.context.cancelRequested).toBe(true);
  });

  it('restores what JSON has kept', () => {
    const state = JSON.parse(JSON.stringify(after(...way.shipping))) as SagaState;
    expect(step(state, input('OrderShipped'), facts, times, 1)!.state.value).toBe('completing');
  });
});
