import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PaymentToken } from '@recourse/contracts/ids';
import type { CommandMessage } from '@recourse/infra/ports/broker';
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
type Table = 'authorizations' | 'captures' | 'voids' | 'charges';
const books = (table: Table) => rowsOf(join(room.folder, 'gateway.db'), table);
/** Each message to a participant that remembers nothing. */
const heard = async (...messages: readonly CommandMessage[]) => {
  for (const message of messages) await service().group.handle(message);
};

const authorizedAll = ['AuthorizationStarted', 'PaymentAuthorized'];
const capturedAll = [...authorizedAll, 'CaptureStarted', 'PaymentCaptured'];
const voidedAll = [...authorizedAll, 'VoidStarted', 'PaymentVoided'];

describe('an authorisation', () => {
  it('is asked for between its intent and its outcome, both caused by the command, and charges nothing', async () => {
    await heard(authorizePayment());
    const [entry] = books('authorizations');
    expect(await room.events('payment')).toEqual([
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
    expect([books('charges'), books('captures'), warnings.lines]).toEqual([[], [], []]);
  });

  it('that is declined is a fact like any other', async () => {
    await heard(authorizePayment('tok_declined'));
    expect((await room.events('payment')).at(-1)).toMatchObject({
      type: 'AuthorizationFailed',
      data: { commandId: authorize, reason: 'card-declined' },
    });
  });

  it('is asked for once however often the command comes', async () => {
    const participant = service();
    for (let asks = 0; asks < 3; asks += 1) await participant.group.handle(authorizePayment());
    await heard(authorizePayment());
    expect([await types(), books('authorizations').length]).toEqual([authorizedAll, 1]);
    expect(books('authorizations')).toMatchObject([{ calls: 1 }]);
  });

  it('whose answer is lost gives no answer, and learns its outcome when it is asked again', async () => {
    await heard(authorizePayment('tok_answer_lost'));
    expect(await types()).toEqual(['AuthorizationStarted']);
    expect(warnings.lines).toMatchObject([{ orderId, commandId: authorize, command: 'AuthorizePayment' }]);
    await heard(authorizePayment('tok_answer_lost'));
    expect(await types()).toEqual(authorizedAll);
    expect(books('authorizations')).toMatchObject([{ calls: 2 }]);
  });

  it('that comes after its tombstone is refused without a call', async () => {
    await heard(voidPayment, authorizePayment());
    expect(await room.events('payment')).toEqual([
      { type: 'PaymentVoided', data: { commandId: letGo, nothing: true }, causation: letGo },
    ]);
    expect([books('authorizations'), books('voids')]).toEqual([[], []]);
  });

  it('whose tombstone is written while its intent is on its way is refused without a call', async () => {
    const paused = tampered(room.log, { before: () => heard(voidPayment) });
    await service({ log: paused }).group.handle(authorizePayment());
    expect([await types(), books('authorizations')]).toEqual([['PaymentVoided'], []]);
  });
});

describe('a capture', () => {
  it('takes what was authorised, with an intent of its own', async () => {
    await heard(authorizePayment(), capturePayment);
    expect(await types()).toEqual(capturedAll);
    const [, authorized, , captured] = await room.events('payment');
    const { authorizationId } = authorized!.data as { authorizationId: string };
    expect(books('captures')).toMatchObject([{ key: take, authorizationId, ...money, calls: 1 }]);
    expect(captured?.data).toEqual({ commandId: take, ...money, captureId: books('captures')[0]?.captureId });
  });

  it('is asked for again and again where the provider is down, and happens once', async () => {
    await heard(authorizePayment('tok_capture_down_2'), capturePayment, capturePayment);
    expect(await types()).toEqual([...authorizedAll, 'CaptureStarted']);
    await heard(capturePayment, capturePayment);
    expect(await types()).toEqual(capturedAll);
    expect(books('captures')).toMatchObject([{ calls: 1 }]);
  });

  it('whose answer is lost is learned by the next ask, and happens once', async () => {
    await heard(authorizePayment('tok_capture_answer_lost'), capturePayment);
    expect([await types(), books('captures').length]).toEqual([[...authorizedAll, 'CaptureStarted'], 1]);
    await heard(capturePayment);
    expect(await types()).toEqual(capturedAll);
    expect(books('captures')).toMatchObject([{ calls: 2 }]);
  });

  it('that hangs is given up after the bounded time, told by its signal, and gives no answer', async () => {
    await heard(authorizePayment());
    const clock = virtualClock();
    const asked = gate();
    let aborted = false;
    const hanging: PaymentGateway = {
      ...gateway,
      capture: ({ signal }) => {
        signal.addEventListener('abort', () => {
          aborted = true;
        });
        return asked.pass() as Promise<never>;
      },
    };
    const handled = service({ clock, gateway: hanging }).group.handle(capturePayment);
    await asked.reached;
    await clock.advance(4_999);
    expect(aborted).toBe(false);
    await clock.advance(1);
    await handled;
    expect([aborted, await types()]).toEqual([true, [...authorizedAll, 'CaptureStarted']]);
  });

  it('that finds the authorisation open learns its outcome first, under the key of the authorisation', async () => {
    await heard(authorizePayment('tok_answer_lost'), capturePayment);
    expect(await types()).toEqual(capturedAll);
    expect((await room.events('payment'))[1]).toMatchObject({ data: { commandId: authorize } });
    expect(books('authorizations')).toMatchObject([{ key: authorize, calls: 2 }]);
  });

  it('of money that was captured at once is answered without a call', async () => {
    await heard(processPayment, capturePayment, capturePayment);
    expect(await types()).toEqual(['PaymentStarted', 'PaymentProcessed', 'PaymentCaptured']);
    const [, processed, captured] = await room.events('payment');
    const { chargeId } = processed!.data as { chargeId: string };
    expect(captured?.data).toEqual({ commandId: take, ...money, captureId: chargeId });
    expect(books('captures')).toEqual([]);
  });

  it('of what nobody keeps ready is a bug, and touches nothing', async () => {
    await heard(voidPayment);
    await expect(service().group.handle(capturePayment)).rejects.toThrow('no chart asks for that then');
    expect([await types(), books('captures')]).toEqual([['PaymentVoided'], []]);
  });
});

describe('a void', () => {
  it('lets go of what was authorised, with an intent of its own', async () => {
    await heard(authorizePayment(), voidPayment);
    expect(await types()).toEqual(voidedAll);
    const { voidId } = books('voids')[0] ?? {};
    expect((await room.events('payment')).at(-1)?.data).toEqual({ commandId: letGo, voidId, nothing: false });
    expect(books('voids')).toMatchObject([{ key: letGo, calls: 1 }]);
  });

  it('of an authorisation without an outcome learns it first, under its key', async () => {
    await heard(authorizePayment('tok_answer_lost'), voidPayment);
    expect(await types()).toEqual(voidedAll);
    expect((await room.events('payment'))[1]).toMatchObject({
      data: { commandId: authorize },
      causation: letGo,
    });
    expect([books('authorizations'), books('voids')]).toMatchObject([[{ key: authorize, calls: 2 }], [{}]]);
  });

  it('of an authorisation that turns out to have been declined lets go of nothing', async () => {
    const deaf: PaymentGateway = { ...gateway, authorize: async () => Promise.reject(new Error('no route')) };
    await service({ gateway: deaf }).group.handle(authorizePayment('tok_declined'));
    await heard(voidPayment);
    expect(await types()).toEqual(['AuthorizationStarted', 'AuthorizationFailed', 'PaymentVoided']);
    expect((await room.events('payment')).at(-1)?.data).toEqual({ commandId: letGo, nothing: true });
    expect(books('voids')).toEqual([]);
  });

  it('gives no answer while the outcome of the authorisation cannot be learned', async () => {
    await heard(authorizePayment('tok_down'), voidPayment);
    expect([await types(), books('authorizations')]).toEqual([['AuthorizationStarted'], []]);
  });

  it('is asked for again and again where the provider is down, and happens once', async () => {
    await heard(authorizePayment('tok_void_down_2'), voidPayment, voidPayment);
    expect(await types()).toEqual([...authorizedAll, 'VoidStarted']);
    await heard(voidPayment, voidPayment);
    expect([await types(), books('voids').length]).toEqual([voidedAll, 1]);
  });

  it('whose answer is lost is learned by the next ask', async () => {
    await heard(authorizePayment('tok_void_answer_lost'), voidPayment);
    expect(await types()).toEqual([...authorizedAll, 'VoidStarted']);
    await heard(voidPayment);
    expect(await types()).toEqual(voidedAll);
    expect(books('voids')).toMatchObject([{ calls: 2 }]);
  });

  it('of money that was captured is a bug, and touches nothing', async () => {
    await heard(authorizePayment(), capturePayment);
    await expect(service().group.handle(voidPayment)).rejects.toThrow('no chart asks for that then');
    expect([await types(), books('voids')]).toEqual([capturedAll, []]);
  });

  it('of money that was charged at once is left to the refund that its saga asks for', async () => {
    await heard(processPayment, voidPayment);
    expect(await types()).toEqual(['PaymentStarted', 'PaymentProcessed']);
    expect(books('voids')).toEqual([]);
  });

  for (const when of ['before it reaches the provider', 'after the provider has answered'] as const)
    it(`takes back an authorisation whose call is still out ${when}; its answer changes nothing`, async () => {
      const held = gate();
      const slow: PaymentGateway = {
        ...gateway,
        authorize: async (request) => {
          if (when === 'before it reaches the provider') await held.pass();
          const answer = await gateway.authorize(request);
          if (when === 'after the provider has answered') await held.pass();
          return answer;
        },
      };
      const first = service({ gateway: slow }).group.handle(authorizePayment());
      await held.reached;
      await heard(voidPayment);
      const settled = await types();
      held.open();
      await first;
      expect([settled, await types()]).toEqual([voidedAll, voidedAll]);
      expect(books('authorizations')).toMatchObject([{ key: authorize, calls: 2 }]);
      expect(books('voids')).toHaveLength(1);
    });
});

describe('a crash', () => {
  class Crash extends Error {}

  /** The n-th append of the first life dies before or after it is stored; then a fresh life hears it again. */
  const crashing = async (messages: readonly CommandMessage[], n: number, when: 'before' | 'after') => {
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
        await heard(message);
      }
    return crashed;
  };

  for (const [act, message, table, all] of [
    ['capture', capturePayment, 'captures', capturedAll],
    ['void', voidPayment, 'voids', voidedAll],
  ] as const)
    for (const when of ['before', 'after'] as const) {
      for (const n of [1, 2, 3, 4])
        it(`${when} append ${n} of an authorisation and its ${act} is healed: one of each`, async () => {
          expect(await crashing([authorizePayment(), message], n, when)).toBe(true);
          expect(await types()).toEqual(all);
          const [, authorized, , last] = (await room.events('payment')).map(({ data }) => data);
          const [kept] = books('authorizations');
          const [done] = books(table);
          expect(authorized).toMatchObject({ authorizationId: kept?.authorizationId, ...money });
          expect(done).toMatchObject({ key: message.id, authorizationId: kept?.authorizationId });
          const idOf = `${act}Id`;
          expect(last).toMatchObject({ [idOf]: done?.[idOf] });
          expect([books('authorizations').length, books(table).length]).toEqual([1, 1]);
        });

      for (const n of [1, 2, 3])
        it(`${when} append ${n} of the ${act} of an open authorisation is healed as well`, async () => {
          await heard(authorizePayment('tok_answer_lost'));
          expect(await crashing([message], n, when)).toBe(true);
          expect(await types()).toEqual(all);
          expect([books('authorizations').length, books(table).length]).toEqual([1, 1]);
        });
    }
});

describe('a person', () => {
  it('settles an open authorisation; the answer that comes afterwards is recorded once, as late', async () => {
    const held = gate();
    const slow: PaymentGateway = {
      ...gateway,
      authorize: async (request) => {
        const answer = await gateway.authorize(request);
        await held.pass();
        return answer;
      },
    };
    const waiting = [service({ gateway: slow }), service({ gateway: slow })].map((participant) =>
      participant.group.handle(authorizePayment()),
    );
    await held.reached;
    const resolution = { commandId: authorize, outcome: 'AuthorizationFailed', ...person } as const;
    expect(await service().resolve(orderId, resolution)).toBe('recorded');
    held.open();
    await Promise.all(waiting);
    await heard(authorizePayment());
    expect(await types()).toEqual(['AuthorizationStarted', 'AuthorizationFailed', 'late PaymentAuthorized']);
    expect((await room.events('payment'))[1]).toMatchObject({ data: { by: 'person', ...person } });
  });

  for (const [act, message, outcome, last] of [
    ['capture', capturePayment, 'PaymentCaptured', capturedAll],
    ['void', voidPayment, 'PaymentVoided', voidedAll],
  ] as const)
    it(`settles a ${act} that is out; the answer that comes afterwards is recorded once, as late`, async () => {
      await heard(authorizePayment());
      const held = gate();
      const call = gateway[act] as (request: never) => Promise<never>;
      const slow: PaymentGateway = {
        ...gateway,
        [act]: async (request: never) => {
          await held.pass();
          return call(request);
        },
      };
      const waiting = service({ gateway: slow }).group.handle(message);
      await held.reached;
      expect(await service().resolve(orderId, { commandId: message.id, outcome, ...person })).toBe(
        'recorded',
      );
      held.open();
      await waiting;
      await heard(message);
      expect(await types()).toEqual([...last, `late ${outcome}`]);
    });

  it('settles an open authorisation and its void in one append', async () => {
    await heard(authorizePayment('tok_down'));
    let appends = 0;
    const counted = tampered(room.log, {
      before: () => {
        appends += 1;
      },
    });
    const resolution = { commandId: letGo, outcome: 'PaymentVoided', ...person } as const;
    expect(await service({ log: counted }).resolve(orderId, resolution)).toBe('not-resolvable');
    const open = { ...resolution, openOutcome: 'AuthorizationFailed' } as const;
    expect(await service({ log: counted }).resolve(orderId, open)).toBe('recorded');
    expect(appends).toBe(1);
    expect(await types()).toEqual(['AuthorizationStarted', 'AuthorizationFailed', 'PaymentVoided']);
  });

  it('who was slower than the provider has nothing to resolve, whatever this process remembered', async () => {
    const remembering = service();
    await remembering.group.handle(authorizePayment('tok_capture_answer_lost'));
    await remembering.group.handle(capturePayment);
    await heard(capturePayment);
    const resolution = { commandId: take, outcome: 'PaymentCaptured', ...person } as const;
    expect(await remembering.resolve(orderId, resolution)).toBe('not-resolvable');
    expect(await types()).toEqual(capturedAll);
  });

  it('who loses the race of the appends has nothing to resolve either', async () => {
    await heard(authorizePayment('tok_void_answer_lost'), voidPayment);
    const overtaken = tampered(room.log, { before: () => heard(voidPayment) });
    const resolution = { commandId: letGo, outcome: 'PaymentVoided', ...person } as const;
    expect(await service({ log: overtaken }).resolve(orderId, resolution)).toBe('not-resolvable');
    expect(await types()).toEqual(voidedAll);
  });
});
