import { describe, expect, it } from '@jest/globals';
import { sagasProjection } from './sagas.ts';
import { folded, type Given, orderId, startedAt } from './testing/folded.ts';

const created: Given = ['OrderCreated', { customerId: null, currency: 'GBP', total: 500, lines: [] }];
const advanced = (
  value: string,
  context: object = {},
  {
    status = 'active',
    deadlineMs,
    version = 1,
  }: { status?: string; deadlineMs?: number; version?: number } = {},
): Given => [
  'SagaAdvanced',
  {
    machine: { name: 'order-saga', version },
    state: { value, status, context },
    timers: {
      set: [
        { id: 'a', kind: 'ask', afterMs: 1_000 },
        ...(deadlineMs === undefined ? [] : [{ id: 'd', kind: 'deadline', afterMs: deadlineMs }]),
      ],
      cancelled: [],
    },
    commands: [],
  },
];
const saga = (...events: readonly Given[]) => folded(sagasProjection, ...events)('sagas')[0];

describe('the fold of sagas', () => {
  it('shows a saga as accepted from its order’s creation on', () => {
    expect(saga(created)).toEqual({
      position: 1,
      sagaId: orderId,
      state: 'accepted',
      machine: null,
      because: null,
      flags: [],
      lateAnswer: 0,
      waitsFor: null,
      startedAt,
      updatedAt: startedAt,
      deadline: null,
      endedAt: null,
    });
  });

  it('shows its state, what it waits for, and its deadline from the step that set it', () => {
    const outstanding = { commandId: 'c', type: 'ProcessPayment', asks: 0 };
    const events = [created, advanced('paying', { outstanding }, { deadlineMs: 300_000 })];
    expect(saga(...events)).toMatchObject({
      state: 'paying',
      waitsFor: 'ProcessPayment',
      updatedAt: startedAt + 1_000,
      deadline: startedAt + 301_000,
    });
    expect(saga(...events, advanced('reserving'))).toMatchObject({
      state: 'reserving',
      waitsFor: null,
      deadline: startedAt + 301_000,
    });
  });

  it('says which version of the machine it runs on, also once it has moved to another', () => {
    const events = [created, advanced('paying')];
    expect(saga(...events)).toMatchObject({ machine: 1 });
    expect(saga(...events, advanced('authorizing', {}, { version: 2 }))).toMatchObject({ machine: 2 });
  });

  it('carries why it goes back, and the flags of its context', () => {
    expect(
      saga(created, advanced('refunding', { because: 'payment-unknown', flags: ['asked-often'] })),
    ).toMatchObject({ because: 'payment-unknown', flags: ['asked-often'] });
  });

  it('has ended once its machine is done, and then waits for nothing', () => {
    const outstanding = { commandId: 'c', type: 'CancelOrder', asks: 0 };
    expect(saga(created, advanced('cancelled', { outstanding }, { status: 'done' }))).toMatchObject({
      state: 'cancelled',
      endedAt: startedAt + 1_000,
      waitsFor: null,
    });
  });

  it.each([
    'PaymentProcessed',
    'PaymentFailed',
    'PaymentRefunded',
    'PaymentAuthorized',
    'AuthorizationFailed',
    'PaymentCaptured',
    'PaymentVoided',
    'OrderShipped',
    'ShippingFailed',
    'ShipmentCancelled',
    'ShipmentCancellationRefused',
  ] as const)('notes a %s that came after a person had settled it, and no other', (type) => {
    expect(saga(created, [type, { commandId: 'c' }])).toMatchObject({ lateAnswer: 0 });
    expect(saga(created, [type, { commandId: 'c', late: true }])).toMatchObject({ lateAnswer: 1 });
  });
});
