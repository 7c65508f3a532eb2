/**
 * Order 01a1ff27-14fb-76bc-97c0-53abdfd41089, cancelled: 26 records from 2026-11-21T17:28:33.787Z on.
 * Written by `recourse export --as-test`. Personal data stands replaced, and ids made from it are compared up to
 * renaming; all other ids must come out the same.
 */
import { incident } from '@recourse/host/testing/incident';

const ids = {
  OrderCreated: '709cb222-e5a9-5574-b207-55dd2336da00',
  ProcessPayment: '4b780c9c-c974-5023-977c-b98d4222e12c',
  ask1: '6148e166-902c-5a07-a369-7aff2d7d58b3',
  deadline: '21dec681-662b-5fa8-8b0f-50e211aee160',
  PaymentStarted: '6e8739ce-f9eb-5b35-b27f-3ac159ab41b9',
  PaymentProcessed: '94779991-fe19-5d6f-acd0-f5abb8c4188b',
  ReserveInventory: '3c7ff44c-4abc-586a-acc6-579ab9bfed3c',
  ask2: '7ee1f8f1-d340-5d27-bae6-5f7f9690e446',
  ReservationStarted: '420b8e54-4f6f-5d60-88c4-9f927de980cc',
  InventoryReserved: '007c360d-e7b9-5167-8812-8125b164cb99',
  ShipOrder: '52bba034-da2a-5468-8b65-07a5de79c249',
  ask3: 'b3df3819-8565-5665-9f30-d8bbe62acd1f',
  ShipmentStarted: '427183dd-1736-5ee3-8a3d-a51cfd85c205',
  OrderCancellationRequested: 'ceb917e9-51be-5c50-b320-90b567296f81',
  CancelShipment: '5ee776c9-7fa6-5e19-999b-a66512bb8d1f',
  ask4: 'ffb3e837-358b-5691-9b24-834fc361d134',
  ShipmentCancellationStarted: '1a8ebcf1-c5bb-56b7-916a-88169ba5e541',
  TimerFired: '0fdd6256-3c07-52aa-a9e0-dbf946087029',
  ask5: '760f4d02-6f07-51e8-bd5d-28786507b342',
  RetryRequested: '10840e08-ffae-57f5-b6d2-a5f1bc5a4887',
  ask6: '4b66e675-f995-5f48-b526-5bde34e77630',
  ShipmentCancelled: '79cba92e-fd77-5d94-a57b-27d7eea06050',
  ReleaseInventory: 'c1e52dd9-5809-5056-83f7-96ff8bd0341d',
  ask7: '5fb054ff-4546-55fa-90ec-ff2e4522963c',
  ReleaseStarted: '129495a4-8ce2-509e-a160-cc1744ce95e3',
  InventoryReleased: '089fdde8-b225-58d0-80ab-010bfaeb63e1',
  RefundPayment: '732116a3-257e-58da-814d-c5a08eab7643',
  ask8: '080b0285-5ec6-5545-ba5e-5ba9d1e59209',
  RefundStarted: '749beeaf-4cea-57b0-9e3d-0048d49720b9',
  PaymentRefunded: 'b9c55ba0-2b24-5824-996c-7d63789d428c',
  CancelOrder: '1c015afb-afb8-54d1-869c-6d13e7352cac',
  ask9: 'b2b9be73-2f6a-5d1a-8e5f-bf3d3ee290e4',
  OrderCancelled: '60bcc216-c867-5443-875c-42b1b1ea1656',
};

const placed = {
  customerId: 'customer-1',
  currency: 'GBP',
  country: 'ZZ-down',
  paymentToken: 'tok-1',
  lines: [{ sku: 'SKU-A', quantity: 1, unitPrice: 250 }],
  total: 250,
  bodyHash: 'hash-1',
};

incident('order 01a1ff27-14fb-76bc-97c0-53abdfd41089: cancelled', (story) => {
  const { given, order, payment, inventory, shipping, saga, issued, heard } = story;

  order({
    when: { type: 'CreateOrder', data: placed },
    outcome: [{ type: 'OrderCreated', id: ids.OrderCreated, data: placed }],
  });

  saga({
    when: heard(ids.OrderCreated),
    outcome: {
      machine: 1,
      state: {
        value: 'paying',
        status: 'active',
        context: {
          sequence: { order: 0 },
          outstanding: { commandId: ids.ProcessPayment, type: 'ProcessPayment', asks: 0 },
          askTimer: ids.ask1,
          deadlineTimer: ids.deadline,
        },
      },
      commands: [
        {
          type: 'ProcessPayment',
          id: ids.ProcessPayment,
          data: { amount: 250, currency: 'GBP', paymentToken: 'tok-1' },
        },
      ],
      timers: {
        set: [
          { kind: 'ask', id: ids.ask1 },
          { kind: 'deadline', id: ids.deadline },
        ],
        cancelled: [],
      },
    },
  });

  payment({
    when: issued(ids.ProcessPayment),
    outcome: [
      {
        type: 'PaymentStarted',
        id: ids.PaymentStarted,
        data: { commandId: ids.ProcessPayment, amount: 250, currency: 'GBP', paymentToken: 'tok-1' },
      },
    ],
  });

  payment({
    when: {
      type: 'ChargeAnswered',
      intent: { commandId: ids.ProcessPayment, amount: 250, currency: 'GBP' },
      answer: { accepted: true, chargeId: 'reference-1' },
    },
    outcome: [
      {
        type: 'PaymentProcessed',
        id: ids.PaymentProcessed,
        data: { commandId: ids.ProcessPayment, chargeId: 'reference-1', amount: 250, currency: 'GBP' },
      },
    ],
  });

  saga({
    when: heard(ids.PaymentProcessed),
    outcome: {
      machine: 1,
      state: {
        value: 'reserving',
        status: 'active',
        context: {
          sequence: { order: 0, payment: 1 },
          outstanding: { commandId: ids.ReserveInventory, type: 'ReserveInventory', asks: 0 },
          askTimer: ids.ask2,
          deadlineTimer: ids.deadline,
        },
      },
      commands: [
        {
          type: 'ReserveInventory',
          id: ids.ReserveInventory,
          data: { lines: [{ sku: 'SKU-A', quantity: 1 }] },
        },
      ],
      timers: { set: [{ kind: 'ask', id: ids.ask2 }], cancelled: [ids.ask1] },
    },
  });

  inventory({
    when: {
      type: 'ReserveInventory',
      id: ids.ReserveInventory,
      lines: [{ sku: 'SKU-A', quantity: 1, revision: 4, onHand: 1 }],
    },
    outcome: [
      {
        type: 'ReservationStarted',
        id: ids.ReservationStarted,
        data: { commandId: ids.ReserveInventory, lines: [{ sku: 'SKU-A', quantity: 1, revision: 4 }] },
      },
    ],
  });

  inventory({
    when: { type: 'RecordTakes', shortages: [] },
    outcome: [
      { type: 'InventoryReserved', id: ids.InventoryReserved, data: { commandId: ids.ReserveInventory } },
    ],
  });

  saga({
    when: heard(ids.InventoryReserved),
    outcome: {
      machine: 1,
      state: {
        value: 'shipping',
        status: 'active',
        context: {
          sequence: { order: 0, payment: 1, inventory: 1 },
          outstanding: { commandId: ids.ShipOrder, type: 'ShipOrder', asks: 0 },
          askTimer: ids.ask3,
          deadlineTimer: ids.deadline,
        },
      },
      commands: [{ type: 'ShipOrder', id: ids.ShipOrder, data: { country: 'ZZ-down' } }],
      timers: { set: [{ kind: 'ask', id: ids.ask3 }], cancelled: [ids.ask2] },
    },
  });

  shipping({
    when: issued(ids.ShipOrder),
    outcome: [
      {
        type: 'ShipmentStarted',
        id: ids.ShipmentStarted,
        data: { commandId: ids.ShipOrder, country: 'ZZ-down' },
      },
    ],
  });

  order({
    when: { type: 'RequestCancellation' },
    outcome: [{ type: 'OrderCancellationRequested', id: ids.OrderCancellationRequested, data: {} }],
  });

  saga({
    when: heard(ids.OrderCancellationRequested),
    outcome: {
      machine: 1,
      state: {
        value: 'cancellingShipment',
        status: 'active',
        context: {
          sequence: { order: 1, payment: 1, inventory: 1 },
          outstanding: { commandId: ids.CancelShipment, type: 'CancelShipment', asks: 0 },
          askTimer: ids.ask4,
          deadlineTimer: ids.deadline,
          cancelRequested: true,
          because: 'customer-cancelled',
        },
      },
      commands: [{ type: 'CancelShipment', id: ids.CancelShipment, data: {} }],
      timers: { set: [{ kind: 'ask', id: ids.ask4 }], cancelled: [ids.ask3] },
    },
  });

  shipping({
    when: issued(ids.CancelShipment),
    outcome: [
      {
        type: 'ShipmentCancellationStarted',
        id: ids.ShipmentCancellationStarted,
        data: { commandId: ids.CancelShipment },
      },
    ],
  });

  given({ type: 'TimerFired', id: ids.TimerFired, data: { timerId: ids.ask4, overdue: false } });

  saga({
    when: heard(ids.TimerFired, { started: true }),
    outcome: {
      machine: 1,
      state: {
        value: 'cancellingShipment',
        status: 'active',
        context: {
          sequence: { order: 1, payment: 1, inventory: 1, 'saga-input': 0 },
          outstanding: { commandId: ids.CancelShipment, type: 'CancelShipment', asks: 1 },
          askTimer: ids.ask5,
          deadlineTimer: ids.deadline,
          cancelRequested: true,
          because: 'customer-cancelled',
        },
      },
      commands: [{ type: 'CancelShipment', id: ids.CancelShipment, data: {} }],
      timers: { set: [{ kind: 'ask', id: ids.ask5 }], cancelled: [] },
    },
  });

  given({ type: 'RetryRequested', id: ids.RetryRequested, data: { note: 'note-1' } });

  saga({
    when: heard(ids.RetryRequested, { started: true }),
    outcome: {
      machine: 1,
      state: {
        value: 'cancellingShipment',
        status: 'active',
        context: {
          sequence: { order: 1, payment: 1, inventory: 1, 'saga-input': 1 },
          outstanding: { commandId: ids.CancelShipment, type: 'CancelShipment', asks: 0 },
          askTimer: ids.ask6,
          deadlineTimer: ids.deadline,
          cancelRequested: true,
          because: 'customer-cancelled',
        },
      },
      commands: [{ type: 'CancelShipment', id: ids.CancelShipment, data: {} }],
      timers: { set: [{ kind: 'ask', id: ids.ask6 }], cancelled: [ids.ask5] },
    },
  });

  shipping({
    when: {
      type: 'ResolveShipping',
      commandId: ids.CancelShipment,
      outcome: 'ShipmentCancelled',
      reference: 'reference-2',
      note: 'note-2',
      openOutcome: 'ShippingFailed',
    },
    outcome: [
      {
        type: 'ShipmentCancelled',
        id: ids.ShipmentCancelled,
        data: {
          commandId: ids.CancelShipment,
          nothing: true,
          by: 'person',
          reference: 'reference-2',
          note: 'note-2',
        },
      },
    ],
  });

  saga({
    when: heard(ids.ShipmentCancelled),
    outcome: {
      machine: 1,
      state: {
        value: 'releasing',
        status: 'active',
        context: {
          sequence: { order: 1, payment: 1, inventory: 1, 'saga-input': 1, shipping: 2 },
          outstanding: { commandId: ids.ReleaseInventory, type: 'ReleaseInventory', asks: 0 },
          askTimer: ids.ask7,
          deadlineTimer: ids.deadline,
          cancelRequested: true,
          because: 'customer-cancelled',
        },
      },
      commands: [{ type: 'ReleaseInventory', id: ids.ReleaseInventory, data: {} }],
      timers: { set: [{ kind: 'ask', id: ids.ask7 }], cancelled: [ids.ask6] },
    },
  });

  inventory({
    when: { type: 'ReleaseInventory', id: ids.ReleaseInventory, revisions: [5] },
    outcome: [
      {
        type: 'ReleaseStarted',
        id: ids.ReleaseStarted,
        data: { commandId: ids.ReleaseInventory, because: 'release', revisions: [5] },
      },
    ],
  });

  inventory({
    when: { type: 'RecordReturns' },
    outcome: [
      {
        type: 'InventoryReleased',
        id: ids.InventoryReleased,
        data: { commandId: ids.ReleaseInventory, nothing: false },
      },
    ],
  });

  saga({
    when: heard(ids.InventoryReleased),
    outcome: {
      machine: 1,
      state: {
        value: 'refunding',
        status: 'active',
        context: {
          sequence: { order: 1, payment: 1, inventory: 3, 'saga-input': 1, shipping: 2 },
          outstanding: { commandId: ids.RefundPayment, type: 'RefundPayment', asks: 0 },
          askTimer: ids.ask8,
          deadlineTimer: ids.deadline,
          cancelRequested: true,
          because: 'customer-cancelled',
        },
      },
      commands: [{ type: 'RefundPayment', id: ids.RefundPayment, data: { currency: 'GBP' } }],
      timers: { set: [{ kind: 'ask', id: ids.ask8 }], cancelled: [ids.ask7] },
    },
  });

  payment({
    when: issued(ids.RefundPayment),
    outcome: [
      {
        type: 'RefundStarted',
        id: ids.RefundStarted,
        data: { commandId: ids.RefundPayment, chargeId: 'reference-1', amount: 250, currency: 'GBP' },
      },
    ],
  });

  payment({
    when: {
      type: 'RefundAnswered',
      commandId: ids.RefundPayment,
      charge: { chargeId: 'reference-1', amount: 250, currency: 'GBP' },
      refundId: 'reference-3',
    },
    outcome: [
      {
        type: 'PaymentRefunded',
        id: ids.PaymentRefunded,
        data: {
          commandId: ids.RefundPayment,
          amount: 250,
          currency: 'GBP',
          refundId: 'reference-3',
          nothing: false,
        },
      },
    ],
  });

  saga({
    when: heard(ids.PaymentRefunded),
    outcome: {
      machine: 1,
      state: {
        value: 'cancelling',
        status: 'active',
        context: {
          sequence: { order: 1, payment: 3, inventory: 3, 'saga-input': 1, shipping: 2 },
          outstanding: { commandId: ids.CancelOrder, type: 'CancelOrder', asks: 0 },
          askTimer: ids.ask9,
          deadlineTimer: ids.deadline,
          cancelRequested: true,
          because: 'customer-cancelled',
        },
      },
      commands: [{ type: 'CancelOrder', id: ids.CancelOrder, data: { because: 'customer-cancelled' } }],
      timers: { set: [{ kind: 'ask', id: ids.ask9 }], cancelled: [ids.ask8] },
    },
  });

  order({
    when: issued(ids.CancelOrder),
    outcome: [
      {
        type: 'OrderCancelled',
        id: ids.OrderCancelled,
        data: { commandId: ids.CancelOrder, because: 'customer-cancelled' },
      },
    ],
  });

  saga({
    when: heard(ids.OrderCancelled),
    outcome: {
      machine: 1,
      state: {
        value: 'cancelled',
        status: 'done',
        context: {
          sequence: { order: 2, payment: 3, inventory: 3, 'saga-input': 1, shipping: 2 },
          cancelRequested: true,
          because: 'customer-cancelled',
        },
      },
      commands: [],
      timers: { set: [], cancelled: [ids.ask9, ids.deadline] },
    },
  });
});
