import { describe, expect, it } from '@jest/globals';
import type { PaymentToken } from '@recourse/contracts/ids';
import type { PaymentGateway } from '@recourse/payment/gateway';
import { nthCommand, orderId } from '../../participant-kit.ts';
import { virtualClock } from '../../virtual-clock.ts';
import { until } from '../event-log/events.ts';
import type { GatewayRoom } from './gateway.ts';
import { outcomesOf, roomForEach } from './room.ts';

const signal = new AbortController().signal;
const money = { amount: 500, currency: 'GBP' };

/** The provider's name for an authorisation with this token. */
const authorized = async (gateway: PaymentGateway, token = 'tok_accepted', key = nthCommand(1)) => {
  const paymentToken = token as PaymentToken;
  const answer = await gateway.authorize({ key, orderId, ...money, paymentToken, signal });
  if (!answer.accepted) throw new Error(`declined: ${answer.reason}`);
  return answer.authorizationId;
};
const capture = (gateway: PaymentGateway, authorizationId: string, key = nthCommand(2), more = {}) =>
  gateway.capture({ key, authorizationId, ...money, signal, ...more });
const letGo = (gateway: PaymentGateway, authorizationId: string, key = nthCommand(3)) =>
  gateway.void({ key, authorizationId, signal });

/** What the simulated gateway does with money that is authorised first, wherever its books are. */
export const authorizationSuite = (where: string, openRoom: () => GatewayRoom): void =>
  describe(`the simulated gateway, of money that is authorised first, its books ${where}`, () => {
    const { open, rows } = roomForEach(openRoom);

    it('says why it declines', async () => {
      const paymentToken = 'tok_declined' as PaymentToken;
      const request = { key: nthCommand(1), orderId, ...money, paymentToken, signal };
      expect(await open().authorize(request)).toEqual({ accepted: false, reason: 'card-declined' });
    });

    it('gives every repeat the same answer, from another process and after it was closed too', async () => {
      const gateway = open();
      const authorizationId = await authorized(gateway);
      const taken = await capture(gateway, authorizationId);
      expect(await authorized(open())).toBe(authorizationId);
      await gateway.close();
      expect(await capture(open(), authorizationId)).toEqual(taken);
      expect(await rows('authorizations')).toMatchObject([{ authorizationId, calls: 2 }]);
      expect(await rows('captures')).toMatchObject([{ authorizationId, ...money, ...taken, calls: 2 }]);
    });

    it('lets go of an authorisation once', async () => {
      const gateway = open();
      const authorizationId = await authorized(gateway);
      const gone = await letGo(gateway, authorizationId);
      expect(await letGo(open(), authorizationId)).toEqual(gone);
      expect(await rows('voids')).toMatchObject([{ authorizationId, ...gone, calls: 2 }]);
    });

    it('keeps one entry of calls that come at the same time', async () => {
      const [one, other] = [open(), open()];
      const authorizationId = await authorized(one);
      const taken = await Promise.all([one, other, one].map((it) => capture(it, authorizationId)));
      expect(new Set(taken.map(({ captureId }) => captureId)).size).toBe(1);
      expect(await rows('captures')).toMatchObject([{ calls: 3 }]);
    });

    for (const [token, captures, voids] of [
      ['tok_accepted', ['done', 'done'], ['done', 'done']],
      ['tok_capture_down_2', ['unknown', 'unknown', 'done', 'done'], ['done']],
      ['tok_capture_down', ['unknown', 'unknown', 'unknown'], ['done']],
      ['tok_capture_answer_lost', ['unknown', 'done', 'done'], ['done']],
      ['tok_void_down_2', ['done'], ['unknown', 'unknown', 'done', 'done']],
      ['tok_void_down', ['done'], ['unknown', 'unknown', 'unknown']],
      ['tok_void_answer_lost', ['done'], ['unknown', 'done', 'done']],
      ['tok_refund_down', ['done'], ['done']],
    ] as const) {
      it(`answers ${captures.join(', ')} to captures of ${token}`, async () => {
        const gateway = open();
        const authorizationId = await authorized(gateway, token);
        expect(await outcomesOf(captures.length, () => capture(gateway, authorizationId))).toEqual(captures);
        expect(await rows('captures')).toHaveLength(captures.some((it) => it === 'done') ? 1 : 0);
      });
      it(`answers ${voids.join(', ')} to voids of ${token}`, async () => {
        const gateway = open();
        const authorizationId = await authorized(gateway, token);
        expect(await outcomesOf(voids.length, () => letGo(gateway, authorizationId))).toEqual(voids);
        expect(await rows('voids')).toHaveLength(voids.some((it) => it === 'done') ? 1 : 0);
      });
    }

    it('counts the captures that do not reach it over a restart', async () => {
      const gateway = open();
      const authorizationId = await authorized(gateway, 'tok_capture_down_3');
      expect(await outcomesOf(2, () => capture(gateway, authorizationId))).toEqual(['unknown', 'unknown']);
      await gateway.close();
      const reopened = open();
      expect(await outcomesOf(2, () => capture(reopened, authorizationId))).toEqual(['unknown', 'done']);
    });

    it('captures less than was authorised, never more, and never in another currency', async () => {
      const gateway = open();
      const authorizationId = await authorized(gateway);
      const refused = 'there is no';
      await expect(capture(gateway, authorizationId, nthCommand(2), { amount: 501 })).rejects.toThrow(
        refused,
      );
      await expect(capture(gateway, authorizationId, nthCommand(2), { currency: 'EUR' })).rejects.toThrow(
        refused,
      );
      await capture(gateway, authorizationId, nthCommand(2), { amount: 200 });
      expect(await rows('captures')).toMatchObject([{ amount: 200 }]);
    });

    it('does not know what to answer where a call fits nothing that it knows', async () => {
      const gateway = open();
      const authorizationId = await authorized(gateway);
      const other = await authorized(gateway, 'tok_accepted', nthCommand(4));
      await capture(gateway, authorizationId);
      for (const [call, why] of [
        [() => capture(gateway, 'au_unheard-of'), 'there is no authorisation'],
        [() => letGo(gateway, 'of a person'), 'there is no authorisation'],
        [() => capture(gateway, authorizationId, nthCommand(5)), 'used for another capture'],
        [() => capture(gateway, other), 'used for another capture'],
        [() => capture(gateway, authorizationId, nthCommand(2), { amount: 499 }), 'used for another capture'],
      ] as const)
        await expect(call()).rejects.toThrow(why);
      expect(await rows('captures')).toMatchObject([{ authorizationId, key: nthCommand(2) }]);
    });

    it('does not capture what it let go of, nor let go of what was captured', async () => {
      const gateway = open();
      const taken = await authorized(gateway);
      const gone = await authorized(gateway, 'tok_accepted', nthCommand(4));
      await capture(gateway, taken);
      await letGo(gateway, gone, nthCommand(5));
      await expect(letGo(gateway, taken)).rejects.toThrow('was captured');
      await expect(capture(gateway, gone, nthCommand(6))).rejects.toThrow('was voided');
      await expect(letGo(gateway, gone, nthCommand(7))).rejects.toThrow('used for another void');
      expect([await rows('captures'), await rows('voids')]).toMatchObject([
        [{ authorizationId: taken }],
        [{ authorizationId: gone }],
      ]);
    });

    it('is as slow for captures and voids as for the authorisation, where the token is slow', async () => {
      const clock = virtualClock();
      const gateway = open({ slowMs: 3_000 }, clock);
      const asked = authorized(gateway, 'tok_slow');
      await until(() => clock.pending() === 1);
      await clock.advance(3_000);
      let done = false;
      const taken = capture(gateway, await asked).then(() => {
        done = true;
      });
      await until(() => clock.pending() === 1);
      await clock.advance(2_999);
      expect([done, (await rows('captures')).length]).toEqual([false, 1]);
      await clock.advance(1);
      await taken;
    });

    it('stops waiting when its caller does; what was captured stands', async () => {
      const clock = virtualClock();
      const gateway = open({ slowMs: 3_000 }, clock);
      const asked = authorized(gateway, 'tok_slow');
      await until(() => clock.pending() === 1);
      await clock.advance(3_000);
      const caller = new AbortController();
      const given = capture(gateway, await asked, nthCommand(2), { signal: caller.signal });
      const outcome = Promise.allSettled([given]);
      await until(() => clock.pending() === 1);
      caller.abort();
      expect((await outcome).map(({ status }) => status)).toEqual(['rejected']);
      expect(await rows('captures')).toHaveLength(1);
    });
  });
