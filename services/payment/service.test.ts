import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Command } from '@recourse/contracts/commands';
import type { PaymentToken } from '@recourse/contracts/ids';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import {
  delivered,
  gate,
  keepingLogger,
  nthCommand,
  openRoom,
  orderId,
  rowsOf,
  tampered,
} from '../../test/participant-kit.ts';
import { virtualClock } from '../../test/virtual-clock.ts';
import type { PaymentGateway } from './gateway.ts';
import { paymentService } from './service.ts';
import { openSimulatedGateway, type SimulatedGateway } from './simulated-gateway.ts';

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

let room: ReturnType<typeof openRoom>;
let gateway: SimulatedGateway;
let warnings: ReturnType<typeof keepingLogger>;
beforeEach(() => {
  room = openRoom();
  gateway = openSimulatedGateway({ path: join(room.folder, 'gateway.db'), clock: systemClock });
  warnings = keepingLogger();
});
afterEach(async () => {
  gateway.close();
  await room.dispose();
});

const service = (overrides: { log?: EventLog; gateway?: PaymentGateway; clock?: typeof systemClock } = {}) =>
  paymentService({ log: room.log, gateway, clock: systemClock, logger: warnings.logger, ...overrides });
const types = () => room.types('payment');
const books = (table: 'charges' | 'refunds') => rowsOf(join(room.folder, 'gateway.db'), table);

describe('a payment', () => {
  it('is charged between its intent and its outcome, both caused by the command, without a word in the log', async () => {
    await service().group.handle(processPayment());
    expect(await room.events('payment')).toEqual([
      {
        type: 'PaymentStarted',
        data: { commandId: pay, ...money, paymentToken: 'tok_accepted' },
        causation: pay,
      },
      {
        type: 'PaymentProcessed',
        data: { commandId: pay, ...money, chargeId: books('charges')[0]?.chargeId },
        causation: pay,
      },
    ]);
    expect(books('charges')).toMatchObject([{ key: pay, orderId, ...money, accepted: 1, calls: 1 }]);
    expect(warnings.lines).toEqual([]);
  });

  it('that is declined is a fact like any other', async () => {
    await service().group.handle(processPayment('tok_declined'));
    expect((await room.events('payment')).at(-1)).toMatchObject({
      type: 'PaymentFailed',
      data: { commandId: pay, reason: 'card-declined' },
    });
  });

  it('is charged once however often it is asked for', async () => {
    const participant = service();
    for (let asks = 0; asks < 3; asks += 1) await participant.group.handle(processPayment());
    await service().group.handle(processPayment());
    expect(await types()).toEqual(['PaymentStarted', 'PaymentProcessed']);
    expect(books('charges')).toMatchObject([{ calls: 1 }]);
  });

  it('whose answer is lost gives no answer, and learns its outcome when it is asked again', async () => {
    const participant = service();
    await participant.group.handle(processPayment('tok_answer_lost'));
    expect(await types()).toEqual(['PaymentStarted']);
    expect(warnings.lines).toMatchObject([{ orderId, commandId: pay, command: 'ProcessPayment', level: 40 }]);
    await participant.group.handle(processPayment('tok_answer_lost'));
    expect(await types()).toEqual(['PaymentStarted', 'PaymentProcessed']);
    expect(books('charges')).toMatchObject([{ calls: 2 }]);
  });

  it('that hangs is given up after the bounded time, told by its signal, and gives no answer', async () => {
    const clock = virtualClock();
    const asked = gate();
    let aborted = false;
    const hanging: PaymentGateway = {
      ...gateway,
      charge: ({ signal }) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return asked.pass() as Promise<never>;
      },
    };
    const handled = service({ clock, gateway: hanging }).group.handle(processPayment());
    await asked.reached;
    await clock.advance(4_999);
    expect(aborted).toBe(false);
    await clock.advance(1);
    await handled;
    expect(aborted).toBe(true);
    expect(await types()).toEqual(['PaymentStarted']);
    expect(warnings.lines).toHaveLength(1);
  });

  it('that comes after its tombstone is refused without a call', async () => {
    const participant = service();
    await participant.group.handle(refundPayment);
    await participant.group.handle(processPayment());
    expect(await room.events('payment')).toEqual([
      {
        type: 'PaymentRefunded',
        data: { commandId: giveBack, amount: 0, currency: 'GBP', nothing: true },
        causation: giveBack,
      },
    ]);
    expect(books('charges')).toEqual([]);
  });

  it('whose tombstone is written while its intent is on its way is refused without a call', async () => {
    const paused = tampered(room.log, { before: () => service().group.handle(refundPayment) });
    await service({ log: paused }).group.handle(processPayment());
    expect(await types()).toEqual(['PaymentRefunded']);
    expect(books('charges')).toEqual([]);
  });

  it('of an order with a message that is no command of it is a bug', async () => {
    const stranger = delivered({ type: 'CompleteOrder', id: pay, data: {} });
    await expect(service().group.handle(stranger)).rejects.toThrow('does not carry CompleteOrder');
  });
});

describe('a refund', () => {
  it('gives back what was captured, with an intent of its own', async () => {
    const participant = service();
    await participant.group.handle(processPayment());
    await participant.group.handle(refundPayment);
    expect(await types()).toEqual(['PaymentStarted', 'PaymentProcessed', 'RefundStarted', 'PaymentRefunded']);
    expect((await room.events('payment')).at(-1)?.data).toMatchObject({ ...money, nothing: false });
    expect(books('refunds')).toMatchObject([{ key: giveBack, ...money, calls: 1 }]);
  });

  it('of a payment without an outcome learns it first, under the key of the payment', async () => {
    await service().group.handle(processPayment('tok_answer_lost'));
    await service().group.handle(refundPayment);
    const events = await room.events('payment');
    expect(events.map(({ type }) => type)).toEqual([
      'PaymentStarted',
      'PaymentProcessed',
      'RefundStarted',
      'PaymentRefunded',
    ]);
    expect(events[1]).toMatchObject({ data: { commandId: pay }, causation: giveBack });
    expect(books('charges')).toMatchObject([{ key: pay, calls: 2 }]);
    expect(books('refunds')).toHaveLength(1);
  });

  it('of a payment that turns out to have been declined gives back nothing', async () => {
    const deaf: PaymentGateway = { ...gateway, charge: async () => Promise.reject(new Error('no route')) };
    await service({ gateway: deaf }).group.handle(processPayment('tok_declined'));
    await service().group.handle(refundPayment);
    expect(await types()).toEqual(['PaymentStarted', 'PaymentFailed', 'PaymentRefunded']);
    expect((await room.events('payment')).at(-1)?.data).toMatchObject({ amount: 0, nothing: true });
    expect(books('refunds')).toEqual([]);
  });

  it('gives no answer while the outcome of the payment cannot be learned', async () => {
    await service().group.handle(processPayment('tok_down'));
    await service().group.handle(refundPayment);
    expect(await types()).toEqual(['PaymentStarted']);
    expect(books('charges')).toEqual([]);
  });

  it('is asked for again and again where the provider is down, and happens once', async () => {
    const participant = service();
    await participant.group.handle(processPayment('tok_refund_down_2'));
    for (let asks = 0; asks < 2; asks += 1) await participant.group.handle(refundPayment);
    expect(await types()).toEqual(['PaymentStarted', 'PaymentProcessed', 'RefundStarted']);
    for (let asks = 0; asks < 2; asks += 1) await participant.group.handle(refundPayment);
    expect((await types()).at(-1)).toBe('PaymentRefunded');
    expect(books('refunds')).toMatchObject([{ calls: 1 }]);
  });

  for (const when of ['before it reaches the provider', 'after the provider has charged'] as const)
    it(`undoes a charge whose call is still out ${when}; its answer, when it comes, changes nothing`, async () => {
      const held = gate();
      const slow: PaymentGateway = {
        ...gateway,
        charge: async (request) => {
          if (when === 'before it reaches the provider') await held.pass();
          const answer = await gateway.charge(request);
          if (when === 'after the provider has charged') await held.pass();
          return answer;
        },
      };
      const first = service({ gateway: slow }).group.handle(processPayment());
      await held.reached;
      await service().group.handle(refundPayment);
      const settled = await types();
      held.open();
      await first;
      expect(settled).toEqual(['PaymentStarted', 'PaymentProcessed', 'RefundStarted', 'PaymentRefunded']);
      expect(await types()).toEqual(settled);
      expect(books('charges')).toMatchObject([{ key: pay, calls: 2 }]);
      expect(books('refunds')).toHaveLength(1);
    });
});

describe('a crash', () => {
  class Crash extends Error {}

  /** The n-th append of the first life dies before or after it is stored; then a fresh life hears it again. */
  const crashing = async (
    messages: readonly ReturnType<typeof processPayment>[],
    n: number,
    when: 'before' | 'after',
  ) => {
    const die = (appends: number) => {
      if (appends >= n) throw new Crash();
    };
    const first = service({ log: tampered(room.log, { [when]: die }) });
    let crashed = false;
    for (const message of messages)
      try {
        await (crashed ? service() : first).group.handle(message);
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        crashed = true;
        await service().group.handle(message);
      }
    return crashed;
  };

  for (const when of ['before', 'after'] as const)
    for (const n of [1, 2, 3, 4])
      it(`${when} append ${n} of a payment and its refund is healed: one charge, one refund`, async () => {
        expect(await crashing([processPayment(), refundPayment], n, when)).toBe(true);
        expect(await types()).toEqual([
          'PaymentStarted',
          'PaymentProcessed',
          'RefundStarted',
          'PaymentRefunded',
        ]);
        const [processed, refunded] = [1, 3].map(async (at) => (await room.events('payment'))[at]?.data);
        expect(books('charges')).toMatchObject([{ ...money, key: pay }]);
        expect(await processed).toMatchObject({ chargeId: books('charges')[0]?.chargeId, ...money });
        expect(books('refunds')).toMatchObject([{ ...money, key: giveBack }]);
        expect(await refunded).toMatchObject({ refundId: books('refunds')[0]?.refundId, ...money });
      });

  for (const when of ['before', 'after'] as const)
    for (const n of [1, 2, 3])
      it(`${when} append ${n} of the undo of an open payment is healed as well`, async () => {
        await service().group.handle(processPayment('tok_answer_lost'));
        expect(await crashing([refundPayment], n, when)).toBe(true);
        expect(await types()).toEqual([
          'PaymentStarted',
          'PaymentProcessed',
          'RefundStarted',
          'PaymentRefunded',
        ]);
        expect(books('charges')).toHaveLength(1);
        expect(books('refunds')).toHaveLength(1);
      });
});

describe('a person', () => {
  it('settles an open charge; the answer that comes afterwards is recorded once, as late', async () => {
    const held = gate();
    const slow: PaymentGateway = {
      ...gateway,
      charge: async (request) => {
        const answer = await gateway.charge(request);
        await held.pass();
        return answer;
      },
    };
    const waiting = [service({ gateway: slow }), service({ gateway: slow })].map((participant) =>
      participant.group.handle(processPayment()),
    );
    await held.reached;
    const resolved = await service().resolve(orderId, {
      commandId: pay,
      outcome: 'PaymentFailed',
      ...person,
    });
    held.open();
    await Promise.all(waiting);
    await service().group.handle(processPayment());
    expect(resolved).toBe('recorded');
    expect(await types()).toEqual(['PaymentStarted', 'PaymentFailed', 'late PaymentProcessed']);
    expect((await room.events('payment'))[1]).toMatchObject({
      data: { commandId: pay, by: 'person', ...person },
    });
  });

  it('settles a refund that is out; the answer that comes afterwards is recorded once, as late', async () => {
    await service().group.handle(processPayment());
    const held = gate();
    const slow: PaymentGateway = {
      ...gateway,
      refund: async (request) => {
        await held.pass();
        return gateway.refund(request);
      },
    };
    const waiting = service({ gateway: slow }).group.handle(refundPayment);
    await held.reached;
    await service().resolve(orderId, { commandId: giveBack, outcome: 'PaymentRefunded', ...person });
    held.open();
    await waiting;
    await service().group.handle(refundPayment);
    expect((await types()).slice(2)).toEqual(['RefundStarted', 'PaymentRefunded', 'late PaymentRefunded']);
  });

  it('settles an open charge and its refund in one append', async () => {
    await service().group.handle(processPayment('tok_down'));
    let appends = 0;
    const counted = tampered(room.log, {
      before: () => {
        appends += 1;
      },
    });
    const resolution = { commandId: giveBack, outcome: 'PaymentRefunded', ...person } as const;
    expect(await service({ log: counted }).resolve(orderId, resolution)).toBe('not-resolvable');
    expect(
      await service({ log: counted }).resolve(orderId, { ...resolution, openOutcome: 'PaymentProcessed' }),
    ).toBe('recorded');
    expect(appends).toBe(1);
    expect(await types()).toEqual(['PaymentStarted', 'PaymentProcessed', 'PaymentRefunded']);
  });

  it('who was slower than the provider has nothing to resolve, whatever this process remembered', async () => {
    const remembering = service();
    await remembering.group.handle(processPayment('tok_answer_lost'));
    await service().group.handle(processPayment('tok_answer_lost'));
    const resolution = { commandId: pay, outcome: 'PaymentFailed', ...person } as const;
    expect(await remembering.resolve(orderId, resolution)).toBe('not-resolvable');
    expect(await types()).toEqual(['PaymentStarted', 'PaymentProcessed']);
  });

  it('resolves what this process remembers as not begun', async () => {
    const remembering = service();
    const resolution = { commandId: pay, outcome: 'PaymentProcessed', ...person } as const;
    expect(await remembering.resolve(orderId, resolution)).toBe('not-resolvable');
    await service().group.handle(processPayment('tok_down'));
    expect(await remembering.resolve(orderId, resolution)).toBe('recorded');
    expect(await types()).toEqual(['PaymentStarted', 'PaymentProcessed']);
  });

  it('who loses the race of the appends has nothing to resolve either', async () => {
    await service().group.handle(processPayment('tok_answer_lost'));
    const overtaken = tampered(room.log, {
      before: () => service().group.handle(processPayment('tok_answer_lost')),
    });
    const resolution = { commandId: pay, outcome: 'PaymentFailed', ...person } as const;
    expect(await service({ log: overtaken }).resolve(orderId, resolution)).toBe('not-resolvable');
    expect(await types()).toEqual(['PaymentStarted', 'PaymentProcessed']);
  });
});
