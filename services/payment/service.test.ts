import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Command } from '@recourse/contracts/commands';
import type { PaymentToken } from '@recourse/contracts/ids';
import { counted, delivered, gate, nthCommand, orderId, tampered } from '../../test/participant-kit.ts';
import { openPaymentRoom, type PaymentRoom } from '../../test/payment-room.ts';
import { virtualClock } from '../../test/virtual-clock.ts';
import type { PaymentGateway } from './gateway.ts';

const pay = nthCommand(1);
const giveBack = nthCommand(2);
const money = { amount: 500, currency: 'GBP' };
const person = { reference: 'ref', note: 'told on the phone' };

const processPayment = (paymentToken = 'tok_accepted') =>
  delivered({
    type: 'ProcessPayment',
    id: pay,
    data: { ...money, paymentToken: paymentToken as PaymentToken },
  } satisfies Command);
const refundPayment = delivered({ type: 'RefundPayment', id: giveBack, data: { currency: 'GBP' } });

let room: PaymentRoom;
beforeEach(() => {
  room = openPaymentRoom();
});
afterEach(() => room.dispose());

describe('a payment', () => {
  it('is charged between its intent and its outcome, both caused by the command, without a word in the log', async () => {
    await room.heard(processPayment());
    expect(await room.events()).toEqual([
      {
        type: 'PaymentStarted',
        data: { commandId: pay, ...money, paymentToken: 'tok_accepted' },
        causation: pay,
      },
      {
        type: 'PaymentProcessed',
        data: { commandId: pay, ...money, chargeId: room.books('charges')[0]?.chargeId },
        causation: pay,
      },
    ]);
    expect(room.books('charges')).toMatchObject([{ key: pay, orderId, ...money, accepted: 1, calls: 1 }]);
    expect(room.warnings).toEqual([]);
  });

  it('that is declined is a fact like any other', async () => {
    await room.heard(processPayment('tok_declined'));
    expect((await room.events()).at(-1)).toMatchObject({
      type: 'PaymentFailed',
      data: { commandId: pay, reason: 'card-declined' },
    });
  });

  it('is charged once however often it is asked for', async () => {
    const participant = room.service();
    for (let asks = 0; asks < 3; asks += 1) await participant.group.handle(processPayment());
    await room.heard(processPayment());
    expect(await room.types()).toEqual(['PaymentStarted', 'PaymentProcessed']);
    expect(room.books('charges')).toMatchObject([{ calls: 1 }]);
  });

  it('whose answer is lost gives no answer, and learns its outcome when it is asked again', async () => {
    const participant = room.service();
    await participant.group.handle(processPayment('tok_answer_lost'));
    expect(await room.types()).toEqual(['PaymentStarted']);
    expect(room.warnings).toMatchObject([{ orderId, commandId: pay, command: 'ProcessPayment', level: 40 }]);
    await participant.group.handle(processPayment('tok_answer_lost'));
    expect(await room.types()).toEqual(['PaymentStarted', 'PaymentProcessed']);
    expect(room.books('charges')).toMatchObject([{ calls: 2 }]);
  });

  it('that hangs is given up after the bounded time, told by its signal, and gives no answer', async () => {
    const clock = virtualClock();
    const asked = gate();
    let aborted = false;
    const hanging: PaymentGateway = {
      ...room.gateway,
      charge: ({ signal }) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return asked.pass() as Promise<never>;
      },
    };
    const handled = room.service({ clock, gateway: hanging }).group.handle(processPayment());
    await asked.reached;
    await clock.advance(4_999);
    expect(aborted).toBe(false);
    await clock.advance(1);
    await handled;
    expect(aborted).toBe(true);
    expect(await room.types()).toEqual(['PaymentStarted']);
    expect(room.warnings).toHaveLength(1);
  });

  it('that comes after its tombstone is refused without a call', async () => {
    const participant = room.service();
    await participant.group.handle(refundPayment);
    await participant.group.handle(processPayment());
    expect(await room.events()).toEqual([
      {
        type: 'PaymentRefunded',
        data: { commandId: giveBack, amount: 0, currency: 'GBP', nothing: true },
        causation: giveBack,
      },
    ]);
    expect(room.books('charges')).toEqual([]);
  });

  it('whose tombstone is written while its intent is on its way is refused without a call', async () => {
    const paused = tampered(room.log, { before: () => room.heard(refundPayment) });
    await room.service({ log: paused }).group.handle(processPayment());
    expect(await room.types()).toEqual(['PaymentRefunded']);
    expect(room.books('charges')).toEqual([]);
  });

  it('of an order with a message that is no command of it is a bug', async () => {
    const stranger = delivered({ type: 'CompleteOrder', id: pay, data: {} });
    await expect(room.heard(stranger)).rejects.toThrow('does not carry CompleteOrder');
  });
});

describe('a refund', () => {
  it('gives back what was captured, with an intent of its own', async () => {
    const participant = room.service();
    await participant.group.handle(processPayment());
    await participant.group.handle(refundPayment);
    expect(await room.types()).toEqual([
      'PaymentStarted',
      'PaymentProcessed',
      'RefundStarted',
      'PaymentRefunded',
    ]);
    expect((await room.events()).at(-1)?.data).toMatchObject({ ...money, nothing: false });
    expect(room.books('refunds')).toMatchObject([{ key: giveBack, ...money, calls: 1 }]);
  });

  it('of a payment without an outcome learns it first, under the key of the payment', async () => {
    await room.heard(processPayment('tok_answer_lost'));
    await room.heard(refundPayment);
    const events = await room.events();
    expect(events.map(({ type }) => type)).toEqual([
      'PaymentStarted',
      'PaymentProcessed',
      'RefundStarted',
      'PaymentRefunded',
    ]);
    expect(events[1]).toMatchObject({ data: { commandId: pay }, causation: giveBack });
    expect(room.books('charges')).toMatchObject([{ key: pay, calls: 2 }]);
    expect(room.books('refunds')).toHaveLength(1);
  });

  it('of a payment that turns out to have been declined gives back nothing', async () => {
    const deaf: PaymentGateway = {
      ...room.gateway,
      charge: async () => Promise.reject(new Error('no route')),
    };
    await room.service({ gateway: deaf }).group.handle(processPayment('tok_declined'));
    await room.heard(refundPayment);
    expect(await room.types()).toEqual(['PaymentStarted', 'PaymentFailed', 'PaymentRefunded']);
    expect((await room.events()).at(-1)?.data).toMatchObject({ amount: 0, nothing: true });
    expect(room.books('refunds')).toEqual([]);
  });

  it('gives no answer while the outcome of the payment cannot be learned', async () => {
    await room.heard(processPayment('tok_down'));
    await room.heard(refundPayment);
    expect(await room.types()).toEqual(['PaymentStarted']);
    expect(room.books('charges')).toEqual([]);
  });

  it('is asked for again and again where the provider is down, and happens once', async () => {
    const participant = room.service();
    await participant.group.handle(processPayment('tok_refund_down_2'));
    for (let asks = 0; asks < 2; asks += 1) await participant.group.handle(refundPayment);
    expect(await room.types()).toEqual(['PaymentStarted', 'PaymentProcessed', 'RefundStarted']);
    for (let asks = 0; asks < 2; asks += 1) await participant.group.handle(refundPayment);
    expect((await room.types()).at(-1)).toBe('PaymentRefunded');
    expect(room.books('refunds')).toMatchObject([{ calls: 1 }]);
  });

  for (const when of ['before it reaches the provider', 'after the provider has charged'] as const)
    it(`undoes a charge whose call is still out ${when}; its answer, when it comes, changes nothing`, async () => {
      const held = gate();
      const slow: PaymentGateway = {
        ...room.gateway,
        charge: async (request) => {
          if (when === 'before it reaches the provider') await held.pass();
          const answer = await room.gateway.charge(request);
          if (when === 'after the provider has charged') await held.pass();
          return answer;
        },
      };
      const first = room.service({ gateway: slow }).group.handle(processPayment());
      await held.reached;
      await room.heard(refundPayment);
      const settled = await room.types();
      held.open();
      await first;
      expect(settled).toEqual(['PaymentStarted', 'PaymentProcessed', 'RefundStarted', 'PaymentRefunded']);
      expect(await room.types()).toEqual(settled);
      expect(room.books('charges')).toMatchObject([{ key: pay, calls: 2 }]);
      expect(room.books('refunds')).toHaveLength(1);
    });
});

describe('a crash', () => {
  for (const when of ['before', 'after'] as const)
    for (const n of [1, 2, 3, 4])
      it(`${when} append ${n} of a payment and its refund is healed: one charge, one refund`, async () => {
        expect(await room.crashing([processPayment(), refundPayment], n, when)).toBe(true);
        expect(await room.types()).toEqual([
          'PaymentStarted',
          'PaymentProcessed',
          'RefundStarted',
          'PaymentRefunded',
        ]);
        const [processed, refunded] = [1, 3].map(async (at) => (await room.events())[at]?.data);
        expect(room.books('charges')).toMatchObject([{ ...money, key: pay }]);
        expect(await processed).toMatchObject({ chargeId: room.books('charges')[0]?.chargeId, ...money });
        expect(room.books('refunds')).toMatchObject([{ ...money, key: giveBack }]);
        expect(await refunded).toMatchObject({ refundId: room.books('refunds')[0]?.refundId, ...money });
      });

  for (const when of ['before', 'after'] as const)
    for (const n of [1, 2, 3])
      it(`${when} append ${n} of the undo of an open payment is healed as well`, async () => {
        await room.heard(processPayment('tok_answer_lost'));
        expect(await room.crashing([refundPayment], n, when)).toBe(true);
        expect(await room.types()).toEqual([
          'PaymentStarted',
          'PaymentProcessed',
          'RefundStarted',
          'PaymentRefunded',
        ]);
        expect(room.books('charges')).toHaveLength(1);
        expect(room.books('refunds')).toHaveLength(1);
      });
});

describe('a person', () => {
  it('settles an open charge; the answer that comes afterwards is recorded once, as late', async () => {
    const held = gate();
    const slow: PaymentGateway = {
      ...room.gateway,
      charge: async (request) => {
        const answer = await room.gateway.charge(request);
        await held.pass();
        return answer;
      },
    };
    const waiting = [room.service({ gateway: slow }), room.service({ gateway: slow })].map((participant) =>
      participant.group.handle(processPayment()),
    );
    await held.reached;
    const resolved = await room.service().resolve(orderId, {
      commandId: pay,
      outcome: 'PaymentFailed',
      ...person,
    });
    held.open();
    await Promise.all(waiting);
    await room.heard(processPayment());
    expect(resolved).toBe('recorded');
    expect(await room.types()).toEqual(['PaymentStarted', 'PaymentFailed', 'late PaymentProcessed']);
    expect((await room.events())[1]).toMatchObject({
      data: { commandId: pay, by: 'person', ...person },
    });
  });

  it('settles a refund that is out; the answer that comes afterwards is recorded once, as late', async () => {
    await room.heard(processPayment());
    const held = gate();
    const slow: PaymentGateway = {
      ...room.gateway,
      refund: async (request) => {
        await held.pass();
        return room.gateway.refund(request);
      },
    };
    const waiting = room.service({ gateway: slow }).group.handle(refundPayment);
    await held.reached;
    await room.service().resolve(orderId, { commandId: giveBack, outcome: 'PaymentRefunded', ...person });
    held.open();
    await waiting;
    await room.heard(refundPayment);
    expect((await room.types()).slice(2)).toEqual([
      'RefundStarted',
      'PaymentRefunded',
      'late PaymentRefunded',
    ]);
  });

  it('settles an open charge and its refund in one append', async () => {
    await room.heard(processPayment('tok_down'));
    const counting = counted(room.log);
    const resolution = { commandId: giveBack, outcome: 'PaymentRefunded', ...person } as const;
    expect(await room.service({ log: counting.log }).resolve(orderId, resolution)).toBe('not-resolvable');
    expect(
      await room
        .service({ log: counting.log })
        .resolve(orderId, { ...resolution, openOutcome: 'PaymentProcessed' }),
    ).toBe('recorded');
    expect(counting.appends()).toBe(1);
    expect(await room.types()).toEqual(['PaymentStarted', 'PaymentProcessed', 'PaymentRefunded']);
  });

  it('who was slower than the provider has nothing to resolve, whatever this process remembered', async () => {
    const remembering = room.service();
    await remembering.group.handle(processPayment('tok_answer_lost'));
    await room.heard(processPayment('tok_answer_lost'));
    const resolution = { commandId: pay, outcome: 'PaymentFailed', ...person } as const;
    expect(await remembering.resolve(orderId, resolution)).toBe('not-resolvable');
    expect(await room.types()).toEqual(['PaymentStarted', 'PaymentProcessed']);
  });

  it('resolves what this process remembers as not begun', async () => {
    const remembering = room.service();
    const resolution = { commandId: pay, outcome: 'PaymentProcessed', ...person } as const;
    expect(await remembering.resolve(orderId, resolution)).toBe('not-resolvable');
    await room.heard(processPayment('tok_down'));
    expect(await remembering.resolve(orderId, resolution)).toBe('recorded');
    expect(await room.types()).toEqual(['PaymentStarted', 'PaymentProcessed']);
  });

  it('who loses the race of the appends has nothing to resolve either', async () => {
    await room.heard(processPayment('tok_answer_lost'));
    const overtaken = tampered(room.log, {
      before: () => room.heard(processPayment('tok_answer_lost')),
    });
    const resolution = { commandId: pay, outcome: 'PaymentFailed', ...person } as const;
    expect(await room.service({ log: overtaken }).resolve(orderId, resolution)).toBe('not-resolvable');
    expect(await room.types()).toEqual(['PaymentStarted', 'PaymentProcessed']);
  });
});
