import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PaymentToken } from '@recourse/contracts/ids';
import { counted, delivered, gate, nthCommand, orderId, tampered } from '../../test/participant-kit.ts';
import { openPaymentRoom, type PaymentRoom } from '../../test/payment-room.ts';
import { virtualClock } from '../../test/virtual-clock.ts';
import type { PaymentGateway } from './gateway.ts';

const authorize = nthCommand(1);
const take = nthCommand(2);
const letGo = nthCommand(3);
const money = { amount: 500, currency: 'GBP' };
const person = { reference: 'ref', note: 'told on the phone' };

const authorizePayment = (token = 'tok_accepted') =>
  delivered({
    type: 'AuthorizePayment',
    id: authorize,
    data: { ...money, paymentToken: token as PaymentToken },
  });
const capturePayment = delivered({ type: 'CapturePayment', id: take, data: money });
const voidPayment = delivered({ type: 'VoidPayment', id: letGo, data: {} });
const processPayment = delivered({
  type: 'ProcessPayment',
  id: nthCommand(4),
  data: { ...money, paymentToken: 'tok_accepted' as PaymentToken },
});

let room: PaymentRoom;
beforeEach(() => {
  room = openPaymentRoom();
});
afterEach(() => room.dispose());

const authorizedAll = ['AuthorizationStarted', 'PaymentAuthorized'];
const capturedAll = [...authorizedAll, 'CaptureStarted', 'PaymentCaptured'];
const voidedAll = [...authorizedAll, 'VoidStarted', 'PaymentVoided'];

describe('an authorisation', () => {
  it('is asked for between its intent and its outcome, both caused by the command, and charges nothing', async () => {
    await room.heard(authorizePayment());
    const [entry] = room.books('authorizations');
    expect(await room.events()).toEqual([
      {
        type: 'AuthorizationStarted',
        data: { commandId: authorize, ...money, paymentToken: 'tok_accepted' },
        causation: authorize,
      },
      {
        type: 'PaymentAuthorized',
        data: { commandId: authorize, ...money, authorizationId: entry?.authorizationId },
        causation: authorize,
      },
    ]);
    expect(entry).toMatchObject({ key: authorize, orderId, ...money, accepted: 1, calls: 1 });
    expect([room.books('charges'), room.books('captures'), room.warnings]).toEqual([[], [], []]);
  });

  it('that is declined is a fact like any other', async () => {
    await room.heard(authorizePayment('tok_declined'));
    expect((await room.events()).at(-1)).toMatchObject({
      type: 'AuthorizationFailed',
      data: { commandId: authorize, reason: 'card-declined' },
    });
  });

  it('is asked for once however often the command comes', async () => {
    const participant = room.service();
    for (let asks = 0; asks < 3; asks += 1) await participant.group.handle(authorizePayment());
    await room.heard(authorizePayment());
    expect([await room.types(), room.books('authorizations').length]).toEqual([authorizedAll, 1]);
    expect(room.books('authorizations')).toMatchObject([{ calls: 1 }]);
  });

  it('whose answer is lost gives no answer, and learns its outcome when it is asked again', async () => {
    await room.heard(authorizePayment('tok_answer_lost'));
    expect(await room.types()).toEqual(['AuthorizationStarted']);
    expect(room.warnings).toMatchObject([{ orderId, commandId: authorize, command: 'AuthorizePayment' }]);
    await room.heard(authorizePayment('tok_answer_lost'));
    expect(await room.types()).toEqual(authorizedAll);
    expect(room.books('authorizations')).toMatchObject([{ calls: 2 }]);
  });

  it('that comes after its tombstone is refused without a call', async () => {
    await room.heard(voidPayment, authorizePayment());
    expect(await room.events()).toEqual([
      { type: 'PaymentVoided', data: { commandId: letGo, nothing: true }, causation: letGo },
    ]);
    expect([room.books('authorizations'), room.books('voids')]).toEqual([[], []]);
  });

  it('whose tombstone is written while its intent is on its way is refused without a call', async () => {
    const paused = tampered(room.log, { before: () => room.heard(voidPayment) });
    await room.service({ log: paused }).group.handle(authorizePayment());
    expect([await room.types(), room.books('authorizations')]).toEqual([['PaymentVoided'], []]);
  });
});

describe('a capture', () => {
  it('takes what was authorised, with an intent of its own', async () => {
    await room.heard(authorizePayment(), capturePayment);
    expect(await room.types()).toEqual(capturedAll);
    const [, authorized, , captured] = await room.events();
    const { authorizationId } = authorized!.data as { authorizationId: string };
    expect(room.books('captures')).toMatchObject([{ key: take, authorizationId, ...money, calls: 1 }]);
    expect(captured?.data).toEqual({
      commandId: take,
      ...money,
      captureId: room.books('captures')[0]?.captureId,
    });
  });

  it('is asked for again and again where the provider is down, and happens once', async () => {
    await room.heard(authorizePayment('tok_capture_down_2'), capturePayment, capturePayment);
    expect(await room.types()).toEqual([...authorizedAll, 'CaptureStarted']);
    await room.heard(capturePayment, capturePayment);
    expect(await room.types()).toEqual(capturedAll);
    expect(room.books('captures')).toMatchObject([{ calls: 1 }]);
  });

  it('whose answer is lost is learned by the next ask, and happens once', async () => {
    await room.heard(authorizePayment('tok_capture_answer_lost'), capturePayment);
    expect([await room.types(), room.books('captures').length]).toEqual([
      [...authorizedAll, 'CaptureStarted'],
      1,
    ]);
    await room.heard(capturePayment);
    expect(await room.types()).toEqual(capturedAll);
    expect(room.books('captures')).toMatchObject([{ calls: 2 }]);
  });

  it('that hangs is given up after the bounded time, told by its signal, and gives no answer', async () => {
    await room.heard(authorizePayment());
    const clock = virtualClock();
    const asked = gate();
    let aborted = false;
    const hanging: PaymentGateway = {
      ...room.gateway,
      capture: ({ signal }) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return asked.pass() as Promise<never>;
      },
    };
    const handled = room.service({ clock, gateway: hanging }).group.handle(capturePayment);
    await asked.reached;
    await clock.advance(4_999);
    expect(aborted).toBe(false);
    await clock.advance(1);
    await handled;
    expect([aborted, await room.types()]).toEqual([true, [...authorizedAll, 'CaptureStarted']]);
  });

  it('that finds the authorisation open learns its outcome first, under the key of the authorisation', async () => {
    await room.heard(authorizePayment('tok_answer_lost'), capturePayment);
    expect(await room.types()).toEqual(capturedAll);
    expect((await room.events())[1]).toMatchObject({ data: { commandId: authorize } });
    expect(room.books('authorizations')).toMatchObject([{ key: authorize, calls: 2 }]);
  });

  it('of money that was captured at once is answered without a call', async () => {
    await room.heard(processPayment, capturePayment, capturePayment);
    expect(await room.types()).toEqual(['PaymentStarted', 'PaymentProcessed', 'PaymentCaptured']);
    const [, processed, captured] = await room.events();
    const { chargeId } = processed!.data as { chargeId: string };
    expect(captured?.data).toEqual({ commandId: take, ...money, captureId: chargeId });
    expect(room.books('captures')).toEqual([]);
  });

  it('of what nobody keeps ready is a bug, and touches nothing', async () => {
    await room.heard(voidPayment);
    await expect(room.heard(capturePayment)).rejects.toThrow('no chart asks for that then');
    expect([await room.types(), room.books('captures')]).toEqual([['PaymentVoided'], []]);
  });
});

describe('a void', () => {
  it('lets go of what was authorised, with an intent of its own', async () => {
    await room.heard(authorizePayment(), voidPayment);
    expect(await room.types()).toEqual(voidedAll);
    const { voidId } = room.books('voids')[0] ?? {};
    expect((await room.events()).at(-1)?.data).toEqual({ commandId: letGo, voidId, nothing: false });
    expect(room.books('voids')).toMatchObject([{ key: letGo, calls: 1 }]);
  });

  it('of an authorisation without an outcome learns it first, under its key', async () => {
    await room.heard(authorizePayment('tok_answer_lost'), voidPayment);
    expect(await room.types()).toEqual(voidedAll);
    expect((await room.events())[1]).toMatchObject({
      data: { commandId: authorize },
      causation: letGo,
    });
    expect([room.books('authorizations'), room.books('voids')]).toMatchObject([
      [{ key: authorize, calls: 2 }],
      [{}],
    ]);
  });

  it('of an authorisation that turns out to have been declined lets go of nothing', async () => {
    const deaf: PaymentGateway = {
      ...room.gateway,
      authorize: async () => Promise.reject(new Error('no route')),
    };
    await room.service({ gateway: deaf }).group.handle(authorizePayment('tok_declined'));
    await room.heard(voidPayment);
    expect(await room.types()).toEqual(['AuthorizationStarted', 'AuthorizationFailed', 'PaymentVoided']);
    expect((await room.events()).at(-1)?.data).toEqual({ commandId: letGo, nothing: true });
    expect(room.books('voids')).toEqual([]);
  });

  it('gives no answer while the outcome of the authorisation cannot be learned', async () => {
    await room.heard(authorizePayment('tok_down'), voidPayment);
    expect([await room.types(), room.books('authorizations')]).toEqual([['AuthorizationStarted'], []]);
  });

  it('is asked for again and again where the provider is down, and happens once', async () => {
    await room.heard(authorizePayment('tok_void_down_2'), voidPayment, voidPayment);
    expect(await room.types()).toEqual([...authorizedAll, 'VoidStarted']);
    await room.heard(voidPayment, voidPayment);
    expect([await room.types(), room.books('voids').length]).toEqual([voidedAll, 1]);
  });

  it('whose answer is lost is learned by the next ask', async () => {
    await room.heard(authorizePayment('tok_void_answer_lost'), voidPayment);
    expect(await room.types()).toEqual([...authorizedAll, 'VoidStarted']);
    await room.heard(voidPayment);
    expect(await room.types()).toEqual(voidedAll);
    expect(room.books('voids')).toMatchObject([{ calls: 2 }]);
  });

  it('of money that was captured is a bug, and touches nothing', async () => {
    await room.heard(authorizePayment(), capturePayment);
    await expect(room.heard(voidPayment)).rejects.toThrow('no chart asks for that then');
    expect([await room.types(), room.books('voids')]).toEqual([capturedAll, []]);
  });

  it('of money that was charged at once is left to the refund that its saga asks for', async () => {
    await room.heard(processPayment, voidPayment);
    expect(await room.types()).toEqual(['PaymentStarted', 'PaymentProcessed']);
    expect(room.books('voids')).toEqual([]);
  });

  for (const when of ['before it reaches the provider', 'after the provider has answered'] as const)
    it(`takes back an authorisation whose call is still out ${when}; its answer changes nothing`, async () => {
      const held = gate();
      const slow: PaymentGateway = {
        ...room.gateway,
        authorize: async (request) => {
          if (when === 'before it reaches the provider') await held.pass();
          const answer = await room.gateway.authorize(request);
          if (when === 'after the provider has answered') await held.pass();
          return answer;
        },
      };
      const first = room.service({ gateway: slow }).group.handle(authorizePayment());
      await held.reached;
      await room.heard(voidPayment);
      const settled = await room.types();
      held.open();
      await first;
      expect([settled, await room.types()]).toEqual([voidedAll, voidedAll]);
      expect(room.books('authorizations')).toMatchObject([{ key: authorize, calls: 2 }]);
      expect(room.books('voids')).toHaveLength(1);
    });
});

describe('a crash', () => {
  for (const [act, message, table, all] of [
    ['capture', capturePayment, 'captures', capturedAll],
    ['void', voidPayment, 'voids', voidedAll],
  ] as const)
    for (const when of ['before', 'after'] as const) {
      for (const n of [1, 2, 3, 4])
        it(`${when} append ${n} of an authorisation and its ${act} is healed: one of each`, async () => {
          expect(await room.crashing([authorizePayment(), message], n, when)).toBe(true);
          expect(await room.types()).toEqual(all);
          const [, authorized, , last] = (await room.events()).map(({ data }) => data);
          const [kept] = room.books('authorizations');
          const [done] = room.books(table);
          expect(authorized).toMatchObject({ authorizationId: kept?.authorizationId, ...money });
          expect(done).toMatchObject({ key: message.id, authorizationId: kept?.authorizationId });
          const idOf = `${act}Id`;
          expect(last).toMatchObject({ [idOf]: done?.[idOf] });
          expect([room.books('authorizations').length, room.books(table).length]).toEqual([1, 1]);
        });

      for (const n of [1, 2, 3])
        it(`${when} append ${n} of the ${act} of an open authorisation is healed as well`, async () => {
          await room.heard(authorizePayment('tok_answer_lost'));
          expect(await room.crashing([message], n, when)).toBe(true);
          expect(await room.types()).toEqual(all);
          expect([room.books('authorizations').length, room.books(table).length]).toEqual([1, 1]);
        });
    }
});

describe('a person', () => {
  it('settles an open authorisation; the answer that comes afterwards is recorded once, as late', async () => {
    const held = gate();
    const slow: PaymentGateway = {
      ...room.gateway,
      authorize: async (request) => {
        const answer = await room.gateway.authorize(request);
        await held.pass();
        return answer;
      },
    };
    const waiting = [room.service({ gateway: slow }), room.service({ gateway: slow })].map((participant) =>
      participant.group.handle(authorizePayment()),
    );
    await held.reached;
    const resolution = { commandId: authorize, outcome: 'AuthorizationFailed', ...person } as const;
    expect(await room.service().resolve(orderId, resolution)).toBe('recorded');
    held.open();
    await Promise.all(waiting);
    await room.heard(authorizePayment());
    expect(await room.types()).toEqual([
      'AuthorizationStarted',
      'AuthorizationFailed',
      'late PaymentAuthorized',
    ]);
    expect((await room.events())[1]).toMatchObject({ data: { by: 'person', ...person } });
  });

  for (const [act, message, outcome, last] of [
    ['capture', capturePayment, 'PaymentCaptured', capturedAll],
    ['void', voidPayment, 'PaymentVoided', voidedAll],
  ] as const)
    it(`settles a ${act} that is out; the answer that comes afterwards is recorded once, as late`, async () => {
      await room.heard(authorizePayment());
      const held = gate();
      const call = room.gateway[act] as (request: never) => Promise<never>;
      const slow: PaymentGateway = {
        ...room.gateway,
        [act]: async (request: never) => {
          await held.pass();
          return call(request);
        },
      };
      const waiting = room.service({ gateway: slow }).group.handle(message);
      await held.reached;
      expect(await room.service().resolve(orderId, { commandId: message.id, outcome, ...person })).toBe(
        'recorded',
      );
      held.open();
      await waiting;
      await room.heard(message);
      expect(await room.types()).toEqual([...last, `late ${outcome}`]);
    });

  it('settles an open authorisation and its void in one append', async () => {
    await room.heard(authorizePayment('tok_down'));
    const counting = counted(room.log);
    const resolution = { commandId: letGo, outcome: 'PaymentVoided', ...person } as const;
    expect(await room.service({ log: counting.log }).resolve(orderId, resolution)).toBe('not-resolvable');
    const open = { ...resolution, openOutcome: 'AuthorizationFailed' } as const;
    expect(await room.service({ log: counting.log }).resolve(orderId, open)).toBe('recorded');
    expect(counting.appends()).toBe(1);
    expect(await room.types()).toEqual(['AuthorizationStarted', 'AuthorizationFailed', 'PaymentVoided']);
  });

  it('who was slower than the provider has nothing to resolve, whatever this process remembered', async () => {
    const remembering = room.service();
    await remembering.group.handle(authorizePayment('tok_capture_answer_lost'));
    await remembering.group.handle(capturePayment);
    await room.heard(capturePayment);
    const resolution = { commandId: take, outcome: 'PaymentCaptured', ...person } as const;
    expect(await remembering.resolve(orderId, resolution)).toBe('not-resolvable');
    expect(await room.types()).toEqual(capturedAll);
  });

  it('who loses the race of the appends has nothing to resolve either', async () => {
    await room.heard(authorizePayment('tok_void_answer_lost'), voidPayment);
    const overtaken = tampered(room.log, { before: () => room.heard(voidPayment) });
    const resolution = { commandId: letGo, outcome: 'PaymentVoided', ...person } as const;
    expect(await room.service({ log: overtaken }).resolve(orderId, resolution)).toBe('not-resolvable');
    expect(await room.types()).toEqual(voidedAll);
  });
});
