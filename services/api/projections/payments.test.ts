import { describe, expect, it } from '@jest/globals';
import { paymentsProjection } from './payments.ts';
import { folded, type Given, orderId, startedAt } from './testing/folded.ts';

const money = { amount: 500, currency: 'GBP' };
const asked = { commandId: 'c', ...money, paymentToken: 'tok' };
const person = { by: 'person', reference: 'r-1', note: 'they called' };

const charging: Given = ['PaymentStarted', asked];
const charged = (extra: object = {}): Given => [
  'PaymentProcessed',
  { commandId: 'c', chargeId: 'ch_1', ...money, ...extra },
];
const failed = (extra: object = {}): Given => [
  'PaymentFailed',
  { commandId: 'c', reason: 'declined', ...extra },
];
const refunding: Given = ['RefundStarted', { commandId: 'c', chargeId: 'ch_1', ...money }];
const refunded = (extra: object = {}): Given => [
  'PaymentRefunded',
  { commandId: 'c', ...money, refundId: 're_1', nothing: false, ...extra },
];
const nothingRefunded: Given = [
  'PaymentRefunded',
  { commandId: 'c', amount: 0, currency: 'GBP', nothing: true },
];

const authorizing: Given = ['AuthorizationStarted', asked];
const authorized = (extra: object = {}): Given => [
  'PaymentAuthorized',
  { commandId: 'c', authorizationId: 'au_1', ...money, ...extra },
];
const capturing: Given = ['CaptureStarted', { commandId: 'c', authorizationId: 'au_1', ...money }];
const captured = (extra: object = {}): Given => [
  'PaymentCaptured',
  { commandId: 'c', captureId: 'ca_1', ...money, ...extra },
];
const voiding: Given = ['VoidStarted', { commandId: 'c', authorizationId: 'au_1' }];
const voided = (extra: object = {}): Given => [
  'PaymentVoided',
  { commandId: 'c', voidId: 'vo_1', nothing: false, ...extra },
];
const completed: Given = ['OrderCompleted', { commandId: 'c', cancellationRefused: false }];

const payment = (...events: readonly Given[]) => folded(paymentsProjection, ...events)('payments')[0];

describe('the fold of payments', () => {
  it('shows a payment from its first event on', () => {
    expect(payment(charging)).toEqual({
      position: 1,
      orderId,
      state: 'charging',
      currency: 'GBP',
      amount: 500,
      authorized: 0,
      captured: 0,
      refunded: 0,
      voided: 0,
      authorizationId: null,
      captureId: null,
      refundId: null,
      voidId: null,
      reason: null,
      settledBy: null,
      lateAnswer: 0,
      startedAt,
      updatedAt: startedAt,
      endedAt: null,
    });
  });

  const ways: readonly (readonly [what: string, events: readonly Given[], shows: object])[] = [
    ['charged at once', [charging, charged()], { state: 'captured', captured: 500, captureId: 'ch_1' }],
    ['declined', [charging, failed()], { state: 'failed', captured: 0, reason: 'declined' }],
    ['being refunded', [charging, charged(), refunding], { state: 'refunding', captured: 500, refunded: 0 }],
    [
      'refunded',
      [charging, charged(), refunding, refunded()],
      { state: 'refunded', captured: 500, refunded: 500, refundId: 're_1' },
    ],
    [
      'authorised',
      [authorizing, authorized()],
      { state: 'authorized', authorized: 500, captured: 0, authorizationId: 'au_1' },
    ],
    [
      'refused an authorisation',
      [authorizing, ['AuthorizationFailed', { commandId: 'c', reason: 'no funds' }]],
      { state: 'failed', authorized: 0, reason: 'no funds' },
    ],
    ['being captured', [authorizing, authorized(), capturing], { state: 'capturing', captured: 0 }],
    [
      'captured after authorisation',
      [authorizing, authorized(), capturing, captured()],
      { state: 'captured', authorized: 500, captured: 500, captureId: 'ca_1' },
    ],
    ['being voided', [authorizing, authorized(), voiding], { state: 'voiding', voided: 0 }],
    [
      'voided',
      [authorizing, authorized(), voiding, voided()],
      { state: 'voided', authorized: 500, captured: 0, voided: 500, voidId: 'vo_1' },
    ],
  ];
  it.each(ways)('shows one that is %s', (_, events, shows) => {
    const last = events.at(-1)![0];
    const answered = !last.endsWith('Started');
    expect(payment(...events)).toMatchObject({
      ...shows,
      currency: 'GBP',
      amount: 500,
      ...(answered && { settledBy: 'provider' }),
      updatedAt: startedAt + (events.length - 1) * 1_000,
    });
  });

  it.each([
    ['refund', nothingRefunded],
    ['void', ['PaymentVoided', { commandId: 'c', nothing: true }] as Given],
  ])('is none where there was nothing to %s, and stays failed where it had failed', (_, undone) => {
    expect(payment(undone)).toMatchObject({
      state: 'none',
      amount: 0,
      refunded: 0,
      voided: 0,
      settledBy: null,
    });
    expect(payment(charging, failed(), undone)).toMatchObject({ state: 'failed', settledBy: null });
  });

  it.each([
    ['a charge', [charging, charged(person)], 'captured'],
    ['a refusal', [charging, failed(person)], 'failed'],
    ['a capture', [authorizing, authorized(), captured(person)], 'captured'],
    ['a void', [authorizing, authorized(), voided(person)], 'voided'],
    ['a refund', [charging, charged(), refunded(person)], 'refunded'],
  ])('says that a person settled %s', (_, events, state) => {
    expect(payment(...events)).toMatchObject({ state, settledBy: 'person', lateAnswer: 0 });
  });

  it('takes the amounts of a late answer, and keeps the state', () => {
    expect(payment(charging, failed(person), charged({ late: true }))).toMatchObject({
      state: 'failed',
      captured: 500,
      captureId: 'ch_1',
      settledBy: 'person',
      lateAnswer: 1,
    });
    expect(payment(charging, charged(person), failed({ late: true }))).toMatchObject({
      state: 'captured',
      captured: 500,
      reason: null,
      lateAnswer: 1,
    });
  });

  it('ends with its order, and still hears what comes later', () => {
    expect(payment(charging, charged(), completed)).toMatchObject({ endedAt: startedAt + 2_000 });
    expect(payment(charging, failed(person), completed, charged({ late: true }))).toMatchObject({
      endedAt: startedAt + 2_000,
      updatedAt: startedAt + 3_000,
      captured: 500,
    });
  });

  it('has no row for an order that never came to its payment', () => {
    expect(payment(completed)).toBeUndefined();
  });
});
