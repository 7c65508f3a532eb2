import { describe, expect, it } from '@jest/globals';
import type { CommandId, PaymentToken } from '@recourse/contracts/ids';
import type { Payment, PaymentCommand, PaymentEvent } from './model.ts';
import { payment, pendingPaymentAct } from './payment.ts';

const pay = '00000000-0000-4000-8000-00000000000a' as CommandId;
const giveBack = '00000000-0000-4000-8000-00000000000b' as CommandId;
const money = { amount: 500, currency: 'GBP' };
const paymentToken = 'tok_accepted' as PaymentToken;
const byPerson = { by: 'person', reference: 'ref', note: 'told on the phone' } as const;
const late = { late: true } as const;

const started: PaymentEvent = { type: 'PaymentStarted', data: { commandId: pay, ...money, paymentToken } };
const processed: PaymentEvent = {
  type: 'PaymentProcessed',
  data: { commandId: pay, chargeId: 'ch', ...money },
};
const failed: PaymentEvent = { type: 'PaymentFailed', data: { commandId: pay, reason: 'card-declined' } };
const refundStarted: PaymentEvent = {
  type: 'RefundStarted',
  data: { commandId: giveBack, chargeId: 'ch', ...money },
};
const refunded: PaymentEvent = {
  type: 'PaymentRefunded',
  data: { commandId: giveBack, ...money, refundId: 're', nothing: false },
};
const tombstone: PaymentEvent = {
  type: 'PaymentRefunded',
  data: { commandId: giveBack, amount: 0, currency: 'GBP', nothing: true },
};
const settled = <E extends PaymentEvent>(event: E): PaymentEvent =>
  ({ ...event, data: { ...event.data, ...byPerson } }) as PaymentEvent;
const heardLate = (event: PaymentEvent): PaymentEvent =>
  ({ ...event, data: { ...event.data, ...late } }) as PaymentEvent;

const histories = {
  'no payment': [],
  'a payment started': [started],
  'a payment processed': [started, processed],
  'a payment failed': [started, failed],
  'a refund started': [started, processed, refundStarted],
  'a payment refunded': [started, processed, refundStarted, refunded],
  'a tombstone': [tombstone],
  'a failed payment refunded': [started, failed, tombstone],
  'a payment that a person called processed': [started, settled(processed)],
  'a payment that a person called failed': [started, settled(failed)],
  'a payment that a person called failed, the provider heard since': [
    started,
    settled(failed),
    heardLate(processed),
  ],
  'a refund of what a person called processed': [started, settled(processed), refundStarted],
  'what a person called processed, refunded': [started, settled(processed), refundStarted, refunded],
  'a refund that a person settled': [started, processed, refundStarted, settled(refunded)],
  'a refund that a person settled, the provider heard since': [
    started,
    processed,
    refundStarted,
    settled(refunded),
    heardLate(refunded),
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
  'no payment': row([started], [tombstone], 'throws', 'throws', 'throws'),
  'a payment started': row([], [], [processed], [failed], 'throws'),
  'a payment processed': row([], [refundStarted], [], [], 'throws'),
  'a payment failed': row([], [tombstone], [], [], 'throws'),
  'a refund started': row([], [], [], [], [refunded]),
  'a payment refunded': row([], [], [], [], []),
  'a tombstone': row([], [], [], [], []),
  'a failed payment refunded': row([], [], [], [], []),
  'a payment that a person called processed': row(
    [],
    [refundStarted],
    [heardLate(processed)],
    [heardLate(failed)],
    'throws',
  ),
  'a payment that a person called failed': row(
    [],
    [tombstone],
    [heardLate(processed)],
    [heardLate(failed)],
    'throws',
  ),
  'a payment that a person called failed, the provider heard since': row([], [tombstone], [], [], 'throws'),
  'a refund of what a person called processed': row(
    [],
    [],
    [heardLate(processed)],
    [heardLate(failed)],
    [refunded],
  ),
  'what a person called processed, refunded': row([], [], [heardLate(processed)], [heardLate(failed)], []),
  'a refund that a person settled': row([], [], [], [], [heardLate(refunded)]),
  'a refund that a person settled, the provider heard since': row([], [], [], [], []),
};

const fold = (events: readonly PaymentEvent[]): Payment => events.reduce(payment.evolve, payment.initial);

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
  const resolve = (
    history: keyof typeof histories,
    commandId: CommandId,
    outcome: 'PaymentProcessed' | 'PaymentFailed' | 'PaymentRefunded',
    more: {
      openOutcome?: 'PaymentProcessed' | 'PaymentFailed';
      amount?: number;
      currency?: string;
    } = {},
  ) => {
    const { reference, note } = byPerson;
    return payment.decide(
      { type: 'ResolvePayment', commandId, outcome, reference, note, ...more },
      fold(histories[history]),
    );
  };
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
  const personTombstone = settled(tombstone);

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
