import { describe, expect, it } from '@jest/globals';
import type { PaymentCommand, PaymentEvent } from './model.ts';
import { payment, pendingPaymentAct } from './payment.ts';
import {
  byPerson,
  charged,
  chargeFailed,
  chargeStarted,
  fold,
  giveBack,
  late,
  money,
  pay,
  paymentToken,
  refunded,
  refundStarted,
  refundTombstone,
  resolving,
  settled,
} from './testing/histories.ts';

const histories = {
  'no payment': [],
  'a payment started': [chargeStarted],
  'a payment processed': [chargeStarted, charged],
  'a payment failed': [chargeStarted, chargeFailed],
  'a refund started': [chargeStarted, charged, refundStarted],
  'a payment refunded': [chargeStarted, charged, refundStarted, refunded],
  'a tombstone': [refundTombstone],
  'a failed payment refunded': [chargeStarted, chargeFailed, refundTombstone],
  'a payment that a person called processed': [chargeStarted, settled(charged)],
  'a payment that a person called failed': [chargeStarted, settled(chargeFailed)],
  'a payment that a person called failed, the provider heard since': [
    chargeStarted,
    settled(chargeFailed),
    late(charged),
  ],
  'a refund of what a person called processed': [chargeStarted, settled(charged), refundStarted],
  'what a person called processed, refunded': [chargeStarted, settled(charged), refundStarted, refunded],
  'a refund that a person settled': [chargeStarted, charged, refundStarted, settled(refunded)],
  'a refund that a person settled, the provider heard since': [
    chargeStarted,
    charged,
    refundStarted,
    settled(refunded),
    late(refunded),
  ],
} satisfies Record<string, PaymentEvent[]>;

const commands = {
  ProcessPayment: { type: 'ProcessPayment', id: pay, data: { ...money, paymentToken } },
  RefundPayment: { type: 'RefundPayment', id: giveBack, data: { currency: 'GBP' } },
  'the charge accepted': {
    type: 'ChargeAnswered',
    intent: { commandId: pay, ...money },
    answer: { accepted: true, chargeId: 'ch' },
  },
  'the charge declined': {
    type: 'ChargeAnswered',
    intent: { commandId: pay, ...money },
    answer: { accepted: false, reason: 'card-declined' },
  },
  'the refund done': {
    type: 'RefundAnswered',
    commandId: giveBack,
    charge: { chargeId: 'ch', ...money },
    refundId: 're',
  },
} satisfies Record<string, PaymentCommand>;

type Row = Record<keyof typeof commands, PaymentEvent[] | 'throws'>;

const row = (
  processPayment: PaymentEvent[],
  refundPayment: PaymentEvent[],
  accepted: PaymentEvent[] | 'throws',
  declined: PaymentEvent[] | 'throws',
  refundDone: PaymentEvent[] | 'throws',
): Row => ({
  ProcessPayment: processPayment,
  RefundPayment: refundPayment,
  'the charge accepted': accepted,
  'the charge declined': declined,
  'the refund done': refundDone,
});

const table: Record<keyof typeof histories, Row> = {
  'no payment': row([chargeStarted], [refundTombstone], 'throws', 'throws', 'throws'),
  'a payment started': row([], [], [charged], [chargeFailed], 'throws'),
  'a payment processed': row([], [refundStarted], [], [], 'throws'),
  'a payment failed': row([], [refundTombstone], [], [], 'throws'),
  'a refund started': row([], [], [], [], [refunded]),
  'a payment refunded': row([], [], [], [], []),
  'a tombstone': row([], [], [], [], []),
  'a failed payment refunded': row([], [], [], [], []),
  'a payment that a person called processed': row(
    [],
    [refundStarted],
    [late(charged)],
    [late(chargeFailed)],
    'throws',
  ),
  'a payment that a person called failed': row(
    [],
    [refundTombstone],
    [late(charged)],
    [late(chargeFailed)],
    'throws',
  ),
  'a payment that a person called failed, the provider heard since': row(
    [],
    [refundTombstone],
    [],
    [],
    'throws',
  ),
  'a refund of what a person called processed': row(
    [],
    [],
    [late(charged)],
    [late(chargeFailed)],
    [refunded],
  ),
  'what a person called processed, refunded': row([], [], [late(charged)], [late(chargeFailed)], []),
  'a refund that a person settled': row([], [], [], [], [late(refunded)]),
  'a refund that a person settled, the provider heard since': row([], [], [], [], []),
};

describe('the payment decider', () => {
  for (const [history, outcomes] of Object.entries(table) as [keyof typeof histories, Row][])
    for (const [command, expected] of Object.entries(outcomes) as [
      keyof typeof commands,
      PaymentEvent[] | 'throws',
    ][]) {
      const decides =
        expected === 'throws' ? 'is a bug' : expected.map(({ type }) => type).join(', ') || 'nothing';
      it(`given ${history}, when ${command}, then ${decides}`, () => {
        const decide = () => payment.decide(commands[command], fold(histories[history]));
        if (expected === 'throws') expect(decide).toThrow('that no intent had asked for');
        else expect(decide()).toEqual(expected);
      });
    }

  it('keeps what the provider said where it is heard late: it decides nothing', () => {
    const { status } = fold(histories['a payment that a person called failed, the provider heard since']);
    expect(status).toBe('failed');
  });
});

describe('the call that is open for a command', () => {
  const open = (history: keyof typeof histories, command: 'ProcessPayment' | 'RefundPayment') =>
    pendingPaymentAct(fold(histories[history]), commands[command]);
  const charge = { call: 'charge', intent: { commandId: pay, ...money, paymentToken } };
  const refund = { call: 'refund', commandId: giveBack, charge: { chargeId: 'ch', ...money } };

  it('is the charge of the intent, for the undo as well, under the key of the command that asked for it', () => {
    expect(open('a payment started', 'ProcessPayment')).toEqual(charge);
    expect(open('a payment started', 'RefundPayment')).toEqual(charge);
  });

  it('is the refund once that has started, for RefundPayment only', () => {
    expect(open('a refund started', 'RefundPayment')).toEqual(refund);
    expect(open('a refund started', 'ProcessPayment')).toBeUndefined();
  });

  const openOnes: string[] = [
    'a payment started',
    'a refund started',
    'a refund of what a person called processed',
  ];

  it('is none in every other state', () => {
    for (const history of Object.keys(histories) as (keyof typeof histories)[]) {
      if (openOnes.includes(history)) continue;
      expect([history, open(history, 'ProcessPayment')]).toEqual([history, undefined]);
      expect([history, open(history, 'RefundPayment')]).toEqual([history, undefined]);
    }
  });
});

describe('a person resolves', () => {
  const resolve = resolving(histories);
  const personProcessed: PaymentEvent = {
    type: 'PaymentProcessed',
    data: { commandId: pay, chargeId: 'ref', ...money, ...byPerson },
  };
  const personFailed: PaymentEvent = {
    type: 'PaymentFailed',
    data: { commandId: pay, reason: 'settled-by-person', ...byPerson },
  };
  const personRefunded: PaymentEvent = {
    type: 'PaymentRefunded',
    data: { commandId: giveBack, ...money, refundId: 'ref', nothing: false, ...byPerson },
  };
  const personTombstone = settled(refundTombstone);

  it('an open charge as processed, with the amount of its intent, or as failed', () => {
    expect(resolve('a payment started', pay, 'PaymentProcessed')).toEqual([personProcessed]);
    expect(resolve('a payment started', pay, 'PaymentFailed')).toEqual([personFailed]);
    expect(resolve('a payment started', pay, 'PaymentProcessed', { amount: 9_999 })).toEqual([
      personProcessed,
    ]);
  });

  it('a charge that never started, where the caller says the amount', () => {
    expect(resolve('no payment', pay, 'PaymentProcessed', money)).toEqual([personProcessed]);
    expect(resolve('no payment', pay, 'PaymentProcessed')).toEqual([]);
    expect(resolve('no payment', pay, 'PaymentFailed')).toEqual([personFailed]);
  });

  it('no charge of another command, and none that has its outcome', () => {
    expect(resolve('a payment started', giveBack, 'PaymentProcessed')).toEqual([]);
    for (const history of Object.keys(histories) as (keyof typeof histories)[])
      if (history !== 'no payment' && history !== 'a payment started')
        expect([history, resolve(history, pay, 'PaymentProcessed', money)]).toEqual([history, []]);
  });

  it('a refund, with what had been captured', () => {
    expect(resolve('a refund started', giveBack, 'PaymentRefunded')).toEqual([personRefunded]);
    expect(resolve('a payment processed', giveBack, 'PaymentRefunded')).toEqual([personRefunded]);
  });

  it('a refund of nothing, where nothing had been captured', () => {
    expect(resolve('no payment', giveBack, 'PaymentRefunded', { currency: 'GBP' })).toEqual([
      personTombstone,
    ]);
    expect(resolve('a payment failed', giveBack, 'PaymentRefunded', { currency: 'GBP' })).toEqual([
      personTombstone,
    ]);
    expect(resolve('no payment', giveBack, 'PaymentRefunded')).toEqual([]);
  });

  it('the open charge first and then its refund, in one decision', () => {
    const openOutcome = 'PaymentProcessed';
    expect(resolve('a payment started', giveBack, 'PaymentRefunded', { openOutcome })).toEqual([
      personProcessed,
      personRefunded,
    ]);
    expect(
      resolve('a payment started', giveBack, 'PaymentRefunded', { openOutcome: 'PaymentFailed' }),
    ).toEqual([personFailed, personTombstone]);
  });

  it('no refund of an open charge without saying what became of the charge', () => {
    expect(resolve('a payment started', giveBack, 'PaymentRefunded')).toEqual([]);
  });

  it('nothing that contradicts the log or itself', () => {
    const openOutcome = 'PaymentFailed';
    expect(resolve('a payment processed', giveBack, 'PaymentRefunded', { openOutcome })).toEqual([]);
    expect(resolve('a refund started', giveBack, 'PaymentRefunded', { openOutcome })).toEqual([]);
    expect(resolve('a payment started', pay, 'PaymentProcessed', { openOutcome })).toEqual([]);
    expect(
      resolve('a payment failed', giveBack, 'PaymentRefunded', {
        openOutcome: 'PaymentProcessed',
        currency: 'GBP',
      }),
    ).toEqual([]);
    expect(resolve('a refund started', pay, 'PaymentRefunded')).toEqual([]);
  });

  it('no refund twice', () => {
    for (const history of ['a payment refunded', 'a tombstone', 'a refund that a person settled'] as const)
      expect([history, resolve(history, giveBack, 'PaymentRefunded', { currency: 'GBP' })]).toEqual([
        history,
        [],
      ]);
  });
});
