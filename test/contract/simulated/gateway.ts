import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { PaymentToken } from '@recourse/contracts/ids';
import type { Clock } from '@recourse/infra/ports/clock';
import { systemClock } from '@recourse/infra/system';
import type { PaymentGateway } from '@recourse/payment/gateway';
import type { testTokens } from '@recourse/payment/test-tokens';
import type { BooksRoom } from '../../books-kit.ts';
import { nthCommand, orderId } from '../../participant-kit.ts';
import { virtualClock } from '../../virtual-clock.ts';
import { until } from '../event-log/events.ts';

/** A simulator and how it is opened, as both suites try them. */
export type ClosingGateway = PaymentGateway & { close(): void | Promise<void> };
/** See `BooksRoom`. */
export type GatewayRoom = BooksRoom<
  ClosingGateway,
  { readonly clock: Clock; readonly latencyMs?: number; readonly slowMs?: number }
>;
type Latency = { readonly latencyMs?: number; readonly slowMs?: number };

const never = new AbortController().signal;
const money = { amount: 500, currency: 'GBP' };
const charge = (gateway: PaymentGateway, paymentToken: string, key = nthCommand(1), more = {}) =>
  gateway.charge({
    key,
    orderId,
    ...money,
    paymentToken: paymentToken as PaymentToken,
    signal: never,
    ...more,
  });
const authorize = (gateway: PaymentGateway, paymentToken: string, key = nthCommand(1), more = {}) =>
  gateway.authorize({
    key,
    orderId,
    ...money,
    paymentToken: paymentToken as PaymentToken,
    signal: never,
    ...more,
  });
const refund = (gateway: PaymentGateway, chargeId: string, key = nthCommand(2), more = {}) =>
  gateway.refund({ key, chargeId, ...money, signal: never, ...more });

/** What so many calls with one key come to. */
const calls = async (times: number, call: () => Promise<object>) => {
  const outcomes: string[] = [];
  for (let n = 0; n < times; n += 1)
    outcomes.push(
      await call().then(
        (answer) => ('accepted' in answer && !answer.accepted ? 'declined' : 'done'),
        () => 'unknown',
      ),
    );
  return outcomes;
};

/** What the simulated gateway does, wherever its books are. */
export const gatewaySuite = (where: string, openRoom: () => GatewayRoom): void =>
  describe(`the simulated gateway, its books ${where}`, () => {
    let books: GatewayRoom;
    beforeEach(() => {
      books = openRoom();
    });
    afterEach(() => books.dispose());
    const open = (clock: Clock = systemClock, latency: Latency = {}) => books.open({ clock, ...latency });

    const charges: Record<(typeof testTokens)[number]['token'], [token: string, outcomes: string[]]> = {
      tok_accepted: ['tok_accepted', ['done', 'done']],
      tok_declined: ['tok_declined', ['declined', 'declined']],
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
      ['card 4111', ['declined', 'declined']] as const,
      ['tok_accepted_not', ['declined']] as const,
    ])
      it.each([
        ['a charge', 'charges', 'chargeId', charge],
        ['an authorisation', 'authorizations', 'authorizationId', authorize],
      ] as const)(
        `answers ${outcomes.join(', ')} to ${token}, asked for %s, with one entry in the books at most`,
        async (_, table, idColumn, call) => {
          const gateway = open(systemClock, { slowMs: 5 });
          expect(await calls(outcomes.length, () => call(gateway, token))).toEqual(outcomes);
          const entries = await books.rows(table);
          expect(entries).toHaveLength(outcomes.every((outcome) => outcome === 'unknown') ? 0 : 1);
          if (outcomes.some((outcome) => outcome === 'declined'))
            expect(entries).toMatchObject([{ accepted: 0, [idColumn]: null }]);
          else if (entries.length > 0) expect(entries).toMatchObject([{ orderId, ...money, accepted: 1 }]);
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
      expect(await books.rows('charges')).toMatchObject([{ calls: 3 }]);
    });

    it('counts the calls that do not reach it over a restart', async () => {
      const gateway = open();
      expect(await calls(2, () => charge(gateway, 'tok_down_3'))).toEqual(['unknown', 'unknown']);
      await gateway.close();
      const reopened = open();
      expect(await calls(2, () => charge(reopened, 'tok_down_3'))).toEqual(['unknown', 'done']);
    });

    it('keeps one entry of calls that come at the same time', async () => {
      const [one, other] = [open(), open()];
      const answers = await Promise.all([one, other, one, other].map((it) => charge(it, 'tok_accepted')));
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(await books.rows('charges')).toMatchObject([{ calls: 4 }]);
    });

    it('refunds a charge once', async () => {
      const gateway = open();
      const charged = await charge(gateway, 'tok_accepted');
      if (!charged.accepted) throw new Error('declined');
      const first = await refund(gateway, charged.chargeId);
      expect(await refund(open(), charged.chargeId)).toEqual(first);
      expect(await books.rows('refunds')).toMatchObject([{ chargeId: charged.chargeId, ...money, calls: 2 }]);
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
        expect(await calls(outcomes.length, () => refund(gateway, charged.chargeId))).toEqual(outcomes);
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
      expect(await books.rows('charges')).toHaveLength(1);
      expect(await books.rows('refunds')).toEqual([]);
    });

    it('lets its latency pass between the books and the answer, and more of it for a slow token', async () => {
      const clock = virtualClock();
      const gateway = open(clock, { latencyMs: 100, slowMs: 3_000 });
      const answered: string[] = [];
      const quick = charge(gateway, 'tok_accepted').then(() => answered.push('quick'));
      const slow = charge(gateway, 'tok_slow', nthCommand(3)).then(() => answered.push('slow'));
      await until(() => clock.pending() === 2);
      await clock.advance(99);
      expect(await books.rows('charges')).toHaveLength(2);
      expect(answered).toEqual([]);
      await clock.advance(1);
      await quick;
      await clock.advance(2_899);
      expect(answered).toEqual(['quick']);
      await clock.advance(1);
      await slow;
    });

    it('stops waiting when its caller does, and when it is closed; what was charged stands', async () => {
      const clock = virtualClock();
      const gateway = open(clock, { latencyMs: 100 });
      const caller = new AbortController();
      const given = charge(gateway, 'tok_accepted', nthCommand(1), { signal: caller.signal });
      const waiting = charge(gateway, 'tok_accepted', nthCommand(3));
      const outcomes = Promise.allSettled([given, waiting]);
      await until(() => clock.pending() === 2);
      caller.abort();
      await gateway.close();
      expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      await expect(charge(gateway, 'tok_accepted')).rejects.toThrow('closed');
      expect(await books.rows('charges')).toHaveLength(2);
    });
  });
