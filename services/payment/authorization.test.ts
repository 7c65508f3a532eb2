import { describe, expect, it } from '@jest/globals';
import type { CommandId } from '@recourse/contracts/ids';
import type { PaymentAsked, PaymentCommand, PaymentEvent } from './model.ts';
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

const authorize = '00000000-0000-4000-8000-00000000000a' as CommandId;
const take = '00000000-0000-4000-8000-00000000000b' as CommandId;
const letGo = '00000000-0000-4000-8000-00000000000c' as CommandId;
const authorizationId = 'au';

const started: PaymentEvent = {
  type: 'AuthorizationStarted',
  data: { commandId: authorize, ...money, paymentToken },
};
const authorized: PaymentEvent = {
  type: 'PaymentAuthorized',
  data: { commandId: authorize, authorizationId, ...money },
};
const declined: PaymentEvent = {
  type: 'AuthorizationFailed',
  data: { commandId: authorize, reason: 'card-declined' },
};
const captureStarted: PaymentEvent = {
  type: 'CaptureStarted',
  data: { commandId: take, authorizationId, ...money },
};
const captured: PaymentEvent = {
  type: 'PaymentCaptured',
  data: { commandId: take, captureId: 'ca', ...money },
};
const voidStarted: PaymentEvent = { type: 'VoidStarted', data: { commandId: letGo, authorizationId } };
const voided: PaymentEvent = {
  type: 'PaymentVoided',
  data: { commandId: letGo, voidId: 'vo', nothing: false },
};
const tombstone: PaymentEvent = { type: 'PaymentVoided', data: { commandId: letGo, nothing: true } };
const capturedByCharge: PaymentEvent = {
  type: 'PaymentCaptured',
  data: { commandId: take, captureId: 'ch', ...money },
};

const histories = {
  'no payment': [],
  'an authorisation started': [started],
  'a payment authorised': [started, authorized],
  'an authorisation declined': [started, declined],
  'a capture started': [started, authorized, captureStarted],
  'a payment captured': [started, authorized, captureStarted, captured],
  'a void started': [started, authorized, voidStarted],
  'a payment voided': [started, authorized, voidStarted, voided],
  'a tombstone': [tombstone],
  'a declined authorisation voided': [started, declined, tombstone],
  'an authorisation that a person called given': [started, settled(authorized)],
  'an authorisation that a person called declined': [started, settled(declined)],
  'an authorisation that a person called declined, the provider heard since': [
    started,
    settled(declined),
    late(authorized),
  ],
  'what a person called authorised, captured': [started, settled(authorized), captureStarted, captured],
  'a capture that a person settled': [started, authorized, captureStarted, settled(captured)],
  'a capture that a person settled, the provider heard since': [
    started,
    authorized,
    captureStarted,
    settled(captured),
    late(captured),
  ],
  'a void that a person settled': [started, authorized, voidStarted, settled(voided)],
  'a void that a person settled, the provider heard since': [
    started,
    authorized,
    voidStarted,
    settled(voided),
    late(voided),
  ],
  'a charge started': [chargeStarted],
  'a payment charged at once': [chargeStarted, charged],
  'a payment charged at once, its capture answered': [chargeStarted, charged, capturedByCharge],
  'a payment charged at once and refunded': [chargeStarted, charged, refundStarted, refunded],
  'a charge declined': [chargeStarted, chargeFailed],
  'a charge that a person called declined, voided': [chargeStarted, settled(chargeFailed), tombstone],
  'a tombstone of a charge': [refundTombstone],
} satisfies Record<string, PaymentEvent[]>;
type HistoryName = keyof typeof histories;

const commands = {
  AuthorizePayment: { type: 'AuthorizePayment', id: authorize, data: { ...money, paymentToken } },
  CapturePayment: { type: 'CapturePayment', id: take, data: money },
  VoidPayment: { type: 'VoidPayment', id: letGo, data: {} },
  ProcessPayment: { type: 'ProcessPayment', id: pay, data: { ...money, paymentToken } },
  RefundPayment: { type: 'RefundPayment', id: giveBack, data: { currency: 'GBP' } },
} satisfies Record<string, PaymentAsked>;

const answers = {
  'the authorisation given': {
    type: 'AuthorizationAnswered',
    intent: { commandId: authorize, ...money },
    answer: { accepted: true, authorizationId },
  },
  'the authorisation declined': {
    type: 'AuthorizationAnswered',
    intent: { commandId: authorize, ...money },
    answer: { accepted: false, reason: 'card-declined' },
  },
  'the capture done': {
    type: 'CaptureAnswered',
    intent: { commandId: take, authorizationId, ...money },
    captureId: 'ca',
  },
  'the void done': { type: 'VoidAnswered', commandId: letGo, voidId: 'vo' },
} satisfies Record<string, PaymentCommand>;

type Decision = readonly PaymentEvent[] | 'is a bug';
const bug = 'is a bug';

/** What AuthorizePayment, CapturePayment, VoidPayment, ProcessPayment and RefundPayment come to. */
const asked: Record<HistoryName, readonly [Decision, Decision, Decision, Decision, Decision]> = {
  'no payment': [[started], bug, [tombstone], [chargeStarted], [refundTombstone]],
  'an authorisation started': [[], [], [], [], []],
  'a payment authorised': [[], [captureStarted], [voidStarted], [], bug],
  'an authorisation declined': [[], bug, [tombstone], [], bug],
  'a capture started': [[], [], bug, [], bug],
  'a payment captured': [[], [], bug, [], bug],
  'a void started': [[], bug, [], [], bug],
  'a payment voided': [[], bug, [], [], bug],
  'a tombstone': [[], bug, [], [], bug],
  'a declined authorisation voided': [[], bug, [], [], bug],
  'an authorisation that a person called given': [[], [captureStarted], [voidStarted], [], bug],
  'an authorisation that a person called declined': [[], bug, [tombstone], [], bug],
  'an authorisation that a person called declined, the provider heard since': [[], bug, [tombstone], [], bug],
  'what a person called authorised, captured': [[], [], bug, [], bug],
  'a capture that a person settled': [[], [], bug, [], bug],
  'a capture that a person settled, the provider heard since': [[], [], bug, [], bug],
  'a void that a person settled': [[], bug, [], [], bug],
  'a void that a person settled, the provider heard since': [[], bug, [], [], bug],
  'a charge started': [[], [], [], [], []],
  'a payment charged at once': [[], [capturedByCharge], [], [], [refundStarted]],
  'a payment charged at once, its capture answered': [[], [], [], [], [refundStarted]],
  'a payment charged at once and refunded': [[], bug, [], [], []],
  'a charge declined': [[], bug, [tombstone], [], [refundTombstone]],
  'a charge that a person called declined, voided': [[], bug, [], [], bug],
  'a tombstone of a charge': [[], bug, [], [], []],
};

/** What the answers come to: the authorisation given, declined, the capture done, the void done. */
const answered: Record<HistoryName, readonly [Decision, Decision, Decision, Decision]> = {
  'no payment': [bug, bug, bug, bug],
  'an authorisation started': [[authorized], [declined], bug, bug],
  'a payment authorised': [[], [], bug, bug],
  'an authorisation declined': [[], [], bug, bug],
  'a capture started': [[], [], [captured], bug],
  'a payment captured': [[], [], [], bug],
  'a void started': [[], [], bug, [voided]],
  'a payment voided': [[], [], bug, []],
  'a tombstone': [[], [], bug, []],
  'a declined authorisation voided': [[], [], bug, []],
  'an authorisation that a person called given': [[late(authorized)], [late(declined)], bug, bug],
  'an authorisation that a person called declined': [[late(authorized)], [late(declined)], bug, bug],
  'an authorisation that a person called declined, the provider heard since': [[], [], bug, bug],
  'what a person called authorised, captured': [[late(authorized)], [late(declined)], [], bug],
  'a capture that a person settled': [[], [], [late(captured)], bug],
  'a capture that a person settled, the provider heard since': [[], [], [], bug],
  'a void that a person settled': [[], [], bug, [late(voided)]],
  'a void that a person settled, the provider heard since': [[], [], bug, []],
  'a charge started': [bug, bug, bug, bug],
  'a payment charged at once': [bug, bug, bug, bug],
  'a payment charged at once, its capture answered': [bug, bug, bug, bug],
  'a payment charged at once and refunded': [bug, bug, bug, bug],
  'a charge declined': [bug, bug, bug, bug],
  'a charge that a person called declined, voided': [[], [], bug, []],
  'a tombstone of a charge': [bug, bug, bug, bug],
};

const historyNames = Object.keys(histories) as HistoryName[];

describe('the payment decider, where the money is authorised first', () => {
  for (const [heard, table] of [
    [commands, asked],
    [answers, answered],
  ] as const)
    for (const history of historyNames)
      for (const [n, [name, command]] of Object.entries<PaymentCommand>(heard).entries()) {
        const expected = table[history][n]!;
        const decides =
          expected === bug ? bug : expected.map(({ type }) => type).join(', ') || 'decides nothing';
        it(`given ${history}, when ${name}, then it ${decides}`, () => {
          const decide = () => payment.decide(command, fold(histories[history]));
          if (expected === bug) expect(decide).toThrow(/no chart asks for that then|no intent had asked for/);
          else expect(decide()).toEqual(expected);
        });
      }

  it('hears of a charge that a person had called declined, also after its void', () => {
    const history = fold(histories['a charge that a person called declined, voided']);
    const answer: PaymentCommand = {
      type: 'ChargeAnswered',
      intent: { commandId: pay, ...money },
      answer: { accepted: true, chargeId: 'ch' },
    };
    const [heard, ...more] = payment.decide(answer, history);
    expect([heard, more]).toEqual([late(charged), []]);
    expect(payment.decide(answer, payment.evolve(history, heard!))).toEqual([]);
  });

  it('takes as much as it is told to, of what was authorised', () => {
    const part = { ...commands.CapturePayment, data: { amount: 300, currency: 'GBP' } };
    expect(payment.decide(part, fold([started, authorized]))).toEqual([
      { type: 'CaptureStarted', data: { commandId: take, authorizationId, amount: 300, currency: 'GBP' } },
    ]);
  });
});

describe('the call that is open for a command', () => {
  const open = (history: HistoryName, command: keyof typeof commands) =>
    pendingPaymentAct(fold(histories[history]), commands[command]);
  const authorization = { call: 'authorize', intent: { commandId: authorize, ...money, paymentToken } };
  const all = Object.keys(commands) as (keyof typeof commands)[];

  it('is the authorisation of the intent, whatever finds it open, under the key of the command that asked for it', () => {
    for (const command of all)
      expect([command, open('an authorisation started', command)]).toEqual([command, authorization]);
  });

  it('is the charge of the intent, whatever finds it open', () => {
    for (const command of all)
      expect([command, open('a charge started', command)]).toEqual([
        command,
        { call: 'charge', intent: { commandId: pay, ...money, paymentToken } },
      ]);
  });

  it('is the capture once that has started, for CapturePayment only', () => {
    const intent = { commandId: take, authorizationId, ...money };
    expect(open('a capture started', 'CapturePayment')).toEqual({ call: 'capture', intent });
    for (const command of all)
      if (command !== 'CapturePayment') expect(open('a capture started', command)).toBeUndefined();
  });

  it('is the void once that has started, for VoidPayment only', () => {
    expect(open('a void started', 'VoidPayment')).toEqual({
      call: 'void',
      commandId: letGo,
      authorizationId,
    });
    for (const command of all)
      if (command !== 'VoidPayment') expect(open('a void started', command)).toBeUndefined();
  });

  it('is none in every other state', () => {
    for (const history of historyNames)
      if (!/^an? (authorisation|capture|void|charge) started$/.test(history))
        for (const command of all) expect([history, open(history, command)]).toEqual([history, undefined]);
  });
});

describe('a person resolves', () => {
  const resolve = resolving(histories);
  const personAuthorized: PaymentEvent = {
    type: 'PaymentAuthorized',
    data: { commandId: authorize, authorizationId: 'ref', ...money, ...byPerson },
  };
  const personDeclined: PaymentEvent = {
    type: 'AuthorizationFailed',
    data: { commandId: authorize, reason: 'settled-by-person', ...byPerson },
  };
  const personCaptured: PaymentEvent = {
    type: 'PaymentCaptured',
    data: { commandId: take, captureId: 'ref', ...money, ...byPerson },
  };
  const personVoided: PaymentEvent = {
    type: 'PaymentVoided',
    data: { commandId: letGo, voidId: 'ref', nothing: false, ...byPerson },
  };
  const personTombstone = settled(tombstone);
  const given = { openOutcome: 'PaymentAuthorized' } as const;
  const refused = { openOutcome: 'AuthorizationFailed' } as const;

  it('an open authorisation as given, with the amount of its intent, or as declined', () => {
    const history = 'an authorisation started';
    expect(resolve(history, authorize, 'PaymentAuthorized')).toEqual([personAuthorized]);
    expect(resolve(history, authorize, 'PaymentAuthorized', { amount: 9_999 })).toEqual([personAuthorized]);
    expect(resolve(history, authorize, 'AuthorizationFailed')).toEqual([personDeclined]);
  });

  it('an authorisation that never started, where the caller says the amount', () => {
    expect(resolve('no payment', authorize, 'PaymentAuthorized', money)).toEqual([personAuthorized]);
    expect(resolve('no payment', authorize, 'PaymentAuthorized')).toEqual([]);
    expect(resolve('no payment', authorize, 'AuthorizationFailed')).toEqual([personDeclined]);
  });

  it('no authorisation of another command, and none that has its outcome', () => {
    expect(resolve('an authorisation started', take, 'PaymentAuthorized')).toEqual([]);
    for (const history of historyNames)
      if (history !== 'no payment' && history !== 'an authorisation started')
        expect([history, resolve(history, authorize, 'PaymentAuthorized', money)]).toEqual([history, []]);
  });

  it('a capture, begun or not', () => {
    expect(resolve('a capture started', take, 'PaymentCaptured')).toEqual([personCaptured]);
    expect(resolve('a payment authorised', take, 'PaymentCaptured')).toEqual([personCaptured]);
  });

  it('the open authorisation first and then its capture, in one decision', () => {
    const history = 'an authorisation started';
    expect(resolve(history, take, 'PaymentCaptured', given)).toEqual([personAuthorized, personCaptured]);
    expect(resolve(history, take, 'PaymentCaptured')).toEqual([]);
    expect(resolve(history, take, 'PaymentCaptured', refused)).toEqual([]);
  });

  it('no capture of another command, and none where nothing is to be captured', () => {
    expect(resolve('a capture started', letGo, 'PaymentCaptured')).toEqual([]);
    const capturable = ['an authorisation started', 'a payment authorised', 'a capture started'];
    for (const history of historyNames)
      if (!capturable.includes(history) && history !== 'an authorisation that a person called given')
        expect([history, resolve(history, take, 'PaymentCaptured', given)]).toEqual([history, []]);
  });

  it('a void, begun or not, and one of nothing', () => {
    expect(resolve('a void started', letGo, 'PaymentVoided')).toEqual([personVoided]);
    expect(resolve('a payment authorised', letGo, 'PaymentVoided')).toEqual([personVoided]);
    expect(resolve('no payment', letGo, 'PaymentVoided')).toEqual([personTombstone]);
    expect(resolve('an authorisation declined', letGo, 'PaymentVoided')).toEqual([personTombstone]);
    expect(resolve('a charge declined', letGo, 'PaymentVoided')).toEqual([personTombstone]);
  });

  it('the open authorisation first and then its void, in one decision', () => {
    const history = 'an authorisation started';
    expect(resolve(history, letGo, 'PaymentVoided', given)).toEqual([personAuthorized, personVoided]);
    expect(resolve(history, letGo, 'PaymentVoided', refused)).toEqual([personDeclined, personTombstone]);
    expect(resolve(history, letGo, 'PaymentVoided')).toEqual([]);
  });

  it('no void of another command, none twice, and none of money that was captured', () => {
    expect(resolve('a void started', take, 'PaymentVoided')).toEqual([]);
    for (const history of [
      'a capture started',
      'a payment captured',
      'a payment voided',
      'a tombstone',
      'a void that a person settled',
      'a charge started',
      'a payment charged at once',
    ] as const)
      expect([history, resolve(history, letGo, 'PaymentVoided')]).toEqual([history, []]);
  });

  it('nothing that contradicts the log or itself', () => {
    expect(resolve('an authorisation started', authorize, 'PaymentAuthorized', refused)).toEqual([]);
    expect(resolve('a payment authorised', take, 'PaymentCaptured', refused)).toEqual([]);
    expect(resolve('a payment authorised', letGo, 'PaymentVoided', refused)).toEqual([]);
    expect(resolve('a void started', letGo, 'PaymentVoided', refused)).toEqual([]);
    expect(resolve('an authorisation declined', letGo, 'PaymentVoided', given)).toEqual([]);
    expect(resolve('no payment', letGo, 'PaymentVoided', given)).toEqual([]);
    const ofAnother = { openOutcome: 'PaymentProcessed' } as const;
    expect(resolve('an authorisation started', letGo, 'PaymentVoided', ofAnother)).toEqual([]);
    expect(resolve('a charge started', giveBack, 'PaymentRefunded', given)).toEqual([]);
  });

  it('no step of a payment that goes the other way', () => {
    for (const history of historyNames.filter((name) => histories[name].includes(started as never))) {
      expect([history, resolve(history, pay, 'PaymentProcessed', money)]).toEqual([history, []]);
      expect([history, resolve(history, giveBack, 'PaymentRefunded', money)]).toEqual([history, []]);
    }
  });
});
