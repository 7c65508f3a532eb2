import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Clock } from '@recourse/infra/ports/clock';
import { systemClock } from '@recourse/infra/system';
import type { Carrier } from '@recourse/shipping/carrier';
import type { testCountries } from '@recourse/shipping/test-countries';
import type { BooksRoom } from '../../books-kit.ts';
import { nthCommand, orderId } from '../../participant-kit.ts';
import { virtualClock } from '../../virtual-clock.ts';
import { until } from '../event-log/events.ts';

type Manner = {
  readonly servedCountries?: readonly string[];
  readonly slowMs?: number;
  readonly latencyMs?: number;
};
/** See `BooksRoom`. */
export type CarrierRoom = BooksRoom<
  Carrier & { close(): void | Promise<void> },
  Manner & { readonly clock: Clock }
>;

const signal = new AbortController().signal;
const key = nthCommand(1);
const ship = (carrier: Carrier, country: string, shipKey = key) =>
  carrier.ship({ key: shipKey, orderId, country, signal });
const cancel = (carrier: Carrier, shipmentId: string, shipKey = key) =>
  carrier.cancel({ key: nthCommand(2), shipKey, shipmentId, signal });

/** What so many calls to ship with one key come to. */
const calls = async (carrier: Carrier, times: number, country: string) => {
  const outcomes: string[] = [];
  for (let n = 0; n < times; n += 1)
    outcomes.push(
      await ship(carrier, country).then(
        (answer) => (answer.accepted ? 'shipped' : answer.reason),
        () => 'unknown',
      ),
    );
  return outcomes;
};

/** What the simulated carrier does, wherever its books are. */
export const carrierSuite = (where: string, openRoom: () => CarrierRoom): void =>
  describe(`the simulated carrier, its books ${where}`, () => {
    let books: CarrierRoom;
    beforeEach(() => {
      books = openRoom();
    });
    afterEach(() => books.dispose());
    const open = (manner: Manner = {}, clock: Clock = systemClock) => books.open({ clock, ...manner });

    const tests: Record<(typeof testCountries)[number]['country'], [country: string, outcomes: string[]]> = {
      'ZZ-slow': ['ZZ-slow', ['shipped', 'shipped']],
      'ZZ-answer-lost': ['ZZ-answer-lost', ['unknown', 'shipped', 'shipped']],
      'ZZ-gone': ['ZZ-gone', ['unknown', 'shipped', 'shipped']],
      'ZZ-down': ['ZZ-down', ['unknown', 'unknown', 'unknown']],
      'ZZ-down-<n>': ['ZZ-down-2', ['unknown', 'unknown', 'shipped', 'shipped']],
      'ZZ-refused': ['ZZ-refused', ['refused', 'refused']],
    };
    for (const [country, outcomes] of [
      ...Object.values(tests),
      ['United Kingdom', ['shipped', 'shipped']] as const,
      ['EIRE', ['shipped']] as const,
      ['PL', ['shipped']] as const,
      ['Bahrain', ['country-not-served', 'country-not-served']] as const,
      ['france', ['country-not-served']] as const,
    ])
      it(`answers ${outcomes.join(', ')} to ${country}, with one entry in the books at most`, async () => {
        expect(await calls(open({ slowMs: 5 }), outcomes.length, country)).toEqual(outcomes);
        const entries = await books.rows('shipments');
        expect(entries).toHaveLength(outcomes.every((outcome) => outcome === 'unknown') ? 0 : 1);
        const accepted = outcomes.some((outcome) => outcome === 'shipped') ? 1 : 0;
        if (entries.length > 0) expect(entries).toMatchObject([{ key, orderId, country, accepted }]);
      });

    it('serves the countries that it is told to, or all', async () => {
      const some = open({ servedCountries: ['Atlantis'] });
      expect(await calls(some, 1, 'Atlantis')).toEqual(['shipped']);
      expect(await ship(some, 'France', nthCommand(3))).toEqual({
        accepted: false,
        reason: 'country-not-served',
      });
      const all = open({ servedCountries: ['*'] });
      expect(await ship(all, 'Mu', nthCommand(4))).toMatchObject({ accepted: true });
      expect(await ship(all, 'ZZ-refused', nthCommand(5))).toEqual({ accepted: false, reason: 'refused' });
    });

    it('gives every repeat of a shipment the same answer, also when it is cancelled and after a restart', async () => {
      const carrier = open();
      const first = await ship(carrier, 'France');
      if (!first.accepted) throw new Error('refused');
      expect(await cancel(carrier, first.shipmentId)).toEqual({ cancelled: true });
      expect(await ship(carrier, 'France')).toEqual(first);
      await carrier.close();
      const reopened = open();
      expect(await ship(reopened, 'France')).toEqual(first);
      expect(await cancel(reopened, first.shipmentId)).toEqual({ cancelled: true });
      expect(await books.rows('shipments')).toMatchObject([{ calls: 3 }]);
      expect(await books.rows('cancellations')).toMatchObject([{ shipKey: key, cancelled: 1, calls: 2 }]);
    });

    it('does not hold back a parcel that is gone', async () => {
      const carrier = open();
      await ship(carrier, 'ZZ-gone').catch(() => undefined);
      const shipped = await ship(carrier, 'ZZ-gone');
      if (!shipped.accepted) throw new Error('refused');
      for (let asks = 0; asks < 2; asks += 1)
        expect(await cancel(carrier, shipped.shipmentId)).toEqual({
          cancelled: false,
          reason: 'parcel-gone',
        });
      expect(await books.rows('cancellations')).toMatchObject([{ cancelled: 0, calls: 2 }]);
    });

    it('does not know what to answer where a key is used for something else, or to a shipment it never had', async () => {
      const carrier = open();
      await ship(carrier, 'France');
      await expect(ship(carrier, 'Spain')).rejects.toThrow('used for another shipment');
      await expect(cancel(carrier, 'sh_unheard-of')).rejects.toThrow('there is no shipment');
      await expect(cancel(carrier, 'sh_unheard-of', nthCommand(9))).rejects.toThrow('there is no shipment');
      expect(await books.rows('cancellations')).toEqual([]);
    });

    it('lets its latency pass between the books and the answer, and more of it for a slow country', async () => {
      const clock = virtualClock();
      const carrier = open({ latencyMs: 100, slowMs: 3_000 }, clock);
      const answered: string[] = [];
      const quick = ship(carrier, 'France').then(() => answered.push('quick'));
      const slow = ship(carrier, 'ZZ-slow', nthCommand(3)).then(() => answered.push('slow'));
      await until(() => clock.pending() === 2);
      await clock.advance(99);
      expect(await books.rows('shipments')).toHaveLength(2);
      expect(answered).toEqual([]);
      await clock.advance(1);
      await quick;
      await clock.advance(2_899);
      expect(answered).toEqual(['quick']);
      await clock.advance(1);
      await slow;
    });
  });
