import { describe, expect, it } from '@jest/globals';
import type { PaymentToken } from '@recourse/contracts/ids';
import type { PaymentGateway } from '@recourse/payment/gateway';
import type { testTokens } from '@recourse/payment/test-tokens';
import { nthCommand, orderId } from '../../participant-kit.ts';
import { virtualClock } from '../../virtual-clock.ts';
import { until } from '../event-log/events.ts';
import { letsLatencyPass, outcomesOf, roomForEach, type SimulatorRoom } from './room.ts';

/** See `BooksRoom`. */
export type GatewayRoom = SimulatorRoom<PaymentGateway>;

const never = new AbortController().signal;
const money = { amount: 500, currency: 'GBP' };
const asked = (paymentToken: string, key = nthCommand(1), more = {}) => ({
  key,
  orderId,
  ...money,
  paymentToken: paymentToken as PaymentToken,
  signal: never,
  ...more,
});
type Asked = Parameters<typeof asked>;
const charge = (gateway: PaymentGateway, ...what: Asked) => gateway.charge(asked(...what));
const authorize = (gateway: PaymentGateway, ...what: Asked) => gateway.authorize(asked(...what));
const refund = (gateway: PaymentGateway, chargeId: string, key = nthCommand(2), more = {}) =>
  gateway.refund({ key, chargeId, ...money, signal: never, ...more });

/** What the simulated gateway does, wherever its books are. */
export const gatewaySuite = (where: string, openRoom: () => GatewayRoom): void =>
  describe(`the simulated gateway, its books ${where}`, () => {
    const room = roomForEach(openRoom);
    const { open, rows } = room;

    const charges: Record<(typeof testTokens)[number]['token'], [token: string, outcomes: string[]]> = {
      tok_accepted: ['tok_accepted', ['done', 'done']],
      tok_declined: ['tok_declined', ['card-declined', 'card-declined']],
      tok_answer_lost: ['tok_answer_lost', ['unknown', 'done', 'done']],
      tok_slow: ['tok_slow', ['done', 'done']],
      tok_down: ['tok_down', ['unknown', 'unknown', 'unknown']],
      'tok_down_<n>': ['tok_down_2', ['unknown', 'unknown', 'done', 'done']],
      tok_refund_down: ['tok_refund_down', ['done', 'done']],
      'tok_refund_down_<n>': ['tok_refund_down_1', ['done', 'done']],
      tok_capture_down: ['tok_capture_down', ['done', 'done']],
      'tok_capture_down_<n>': ['tok_capture_down_1', ['done', 'done']],
      tok_capture_answer_lost: ['tok_capture_answer_lost', ['done', 'done']],
      tok_void_down: ['tok_void_down', ['done', 'done']],
      'tok_void_down_<n>': ['tok_void_down_1', ['done', 'done']],
      tok_void_answer_lost: ['tok_void_answer_lost', ['done', 'done']],
    };
    for (const [token, outcomes] of [
      ...Object.values(charges),
      ['tok_accepted:of C17', ['done']] as const,
      ['tok_down_1:of C17', ['unknown', 'done']] as const,
      ['card 4111', ['unknown-token', 'unknown-token']] as const,
      ['tok_accepted_not', ['unknown-token']] as const,
    ])
      it.each([
        ['a charge', 'charges', 'chargeId', charge],
        ['an authorisation', 'authorizations', 'authorizationId', authorize],
      ] as const)(
        `answers ${outcomes.join(', ')} to ${token}, asked for %s, with one entry in the books at most`,
        async (_, table, idColumn, call) => {
          const gateway = open({ slowMs: 5 });
          expect(await outcomesOf(outcomes.length, () => call(gateway, token))).toEqual(outcomes);
          const entries = await rows(table);
          expect(entries).toHaveLength(outcomes.every((outcome) => outcome === 'unknown') ? 0 : 1);
          if (entries.length === 0) return;
          const accepted = { orderId, ...money, accepted: 1 };
          const declined = { accepted: 0, [idColumn]: null };
          expect(entries).toMatchObject([outcomes.some((it) => it === 'done') ? accepted : declined]);
        },
      );

    it('says why it declines', async () => {
      const gateway = open();
      expect(await charge(gateway, 'tok_declined')).toEqual({ accepted: false, reason: 'card-declined' });
      expect(await charge(gateway, 'what', nthCommand(3))).toEqual({
        accepted: false,
        reason: 'unknown-token',
      });
    });

    it('gives every repeat of a charge the same answer, from another process and after it was closed too', async () => {
      const gateway = open();
      const first = await charge(gateway, 'tok_accepted');
      expect(await charge(open(), 'tok_accepted')).toEqual(first);
      await gateway.close();
      expect(await charge(open(), 'tok_accepted')).toEqual(first);
      expect(await rows('charges')).toMatchObject([{ calls: 3 }]);
    });

    it('counts the calls that do not reach it over a restart', async () => {
      const gateway = open();
      expect(await outcomesOf(2, () => charge(gateway, 'tok_down_3'))).toEqual(['unknown', 'unknown']);
      await gateway.close();
      const reopened = open();
      expect(await outcomesOf(2, () => charge(reopened, 'tok_down_3'))).toEqual(['unknown', 'done']);
    });

    it('keeps one entry of calls that come at the same time', async () => {
      const [one, other] = [open(), open()];
      const answers = await Promise.all([one, other, one, other].map((it) => charge(it, 'tok_accepted')));
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(await rows('charges')).toMatchObject([{ calls: 4 }]);
    });

    it('refunds a charge once', async () => {
      const gateway = open();
      const charged = await charge(gateway, 'tok_accepted');
      if (!charged.accepted) throw new Error('declined');
      const first = await refund(gateway, charged.chargeId);
      expect(await refund(open(), charged.chargeId)).toEqual(first);
      expect(await rows('refunds')).toMatchObject([{ chargeId: charged.chargeId, ...money, calls: 2 }]);
    });

    for (const [token, outcomes] of [
      ['tok_refund_down_2', ['unknown', 'unknown', 'done', 'done']],
      ['tok_refund_down', ['unknown', 'unknown', 'unknown']],
      ['tok_down_1', ['done', 'done']],
    ] as const)
      it(`answers ${outcomes.join(', ')} to refunds of ${token}`, async () => {
        const gateway = open();
        await charge(gateway, token).catch(() => undefined);
        const charged = await charge(gateway, token);
        if (!charged.accepted) throw new Error('declined');
        expect(await outcomesOf(outcomes.length, () => refund(gateway, charged.chargeId))).toEqual(outcomes);
      });

    it('does not know what to answer where a key is used for something else, or a refund fits no charge', async () => {
      const gateway = open();
      const charged = await charge(gateway, 'tok_accepted');
      if (!charged.accepted) throw new Error('declined');
      await expect(charge(gateway, 'tok_accepted', nthCommand(1), { amount: 501 })).rejects.toThrow(
        'used for another charge',
      );
      await expect(refund(gateway, 'ch_unheard-of')).rejects.toThrow('there is no charge');
      await expect(refund(gateway, charged.chargeId, nthCommand(2), { amount: 501 })).rejects.toThrow(
        'there is no charge',
      );
      expect(await rows('charges')).toHaveLength(1);
      expect(await rows('refunds')).toEqual([]);
    });

    letsLatencyPass(room, 'charges', {
      quick: (gateway) => charge(gateway, 'tok_accepted'),
      slow: (gateway) => charge(gateway, 'tok_slow', nthCommand(3)),
    });

    it('stops waiting when its caller does, and when it is closed; what was charged stands', async () => {
      const clock = virtualClock();
      const gateway = open({ latencyMs: 100 }, clock);
      const caller = new AbortController();
      const given = charge(gateway, 'tok_accepted', nthCommand(1), { signal: caller.signal });
      const waiting = charge(gateway, 'tok_accepted', nthCommand(3));
      const outcomes = Promise.allSettled([given, waiting]);
      await until(() => clock.pending() === 2);
      caller.abort();
      await gateway.close();
      expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      await expect(charge(gateway, 'tok_accepted')).rejects.toThrow('closed');
      expect(await rows('charges')).toHaveLength(2);
    });
  });
