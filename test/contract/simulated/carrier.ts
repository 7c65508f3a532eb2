import { describe, expect, it } from '@jest/globals';
import type { Carrier } from '@recourse/shipping/carrier';
import type { testCountries } from '@recourse/shipping/test-countries';
import { nthCommand, orderId } from '../../participant-kit.ts';
import { type Latency, letsLatencyPass, outcomesOf, roomForEach, type SimulatorRoom } from './room.ts';

/** See `BooksRoom`. */
export type CarrierRoom = SimulatorRoom<Carrier, Latency & { readonly servedCountries?: readonly string[] }>;

const signal = new AbortController().signal;
const key = nthCommand(1);
const ship = (carrier: Carrier, country: string, shipKey = key) =>
  carrier.ship({ key: shipKey, orderId, country, signal });
const cancel = (carrier: Carrier, shipmentId: string, shipKey = key) =>
  carrier.cancel({ key: nthCommand(2), shipKey, shipmentId, signal });

/** What the simulated carrier does, wherever its books are. */
export const carrierSuite = (where: string, openRoom: () => CarrierRoom): void =>
  describe(`the simulated carrier, its books ${where}`, () => {
    const room = roomForEach(openRoom);
    const { open, rows } = room;

    const tests: Record<(typeof testCountries)[number]['country'], [country: string, outcomes: string[]]> = {
      'ZZ-slow': ['ZZ-slow', ['done', 'done']],
      'ZZ-answer-lost': ['ZZ-answer-lost', ['unknown', 'done', 'done']],
      'ZZ-gone': ['ZZ-gone', ['unknown', 'done', 'done']],
      'ZZ-down': ['ZZ-down', ['unknown', 'unknown', 'unknown']],
      'ZZ-down-<n>': ['ZZ-down-2', ['unknown', 'unknown', 'done', 'done']],
      'ZZ-refused': ['ZZ-refused', ['refused', 'refused']],
    };
    for (const [country, outcomes] of [
      ...Object.values(tests),
      ['United Kingdom', ['done', 'done']] as const,
      ['EIRE', ['done']] as const,
      ['PL', ['done']] as const,
      ['Bahrain', ['country-not-served', 'country-not-served']] as const,
      ['france', ['country-not-served']] as const,
    ])
      it(`answers ${outcomes.join(', ')} to ${country}, with one entry in the books at most`, async () => {
        const carrier = open({ slowMs: 5 });
        expect(await outcomesOf(outcomes.length, () => ship(carrier, country))).toEqual(outcomes);
        const entries = await rows('shipments');
        expect(entries).toHaveLength(outcomes.every((outcome) => outcome === 'unknown') ? 0 : 1);
        const accepted = outcomes.some((outcome) => outcome === 'done') ? 1 : 0;
        if (entries.length > 0) expect(entries).toMatchObject([{ key, orderId, country, accepted }]);
      });

    it('serves the countries that it is told to, or all', async () => {
      const some = open({ servedCountries: ['Atlantis'] });
      expect(await ship(some, 'Atlantis')).toMatchObject({ accepted: true });
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
      expect(await rows('shipments')).toMatchObject([{ calls: 3 }]);
      expect(await rows('cancellations')).toMatchObject([{ shipKey: key, cancelled: 1, calls: 2 }]);
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
      expect(await rows('cancellations')).toMatchObject([{ cancelled: 0, calls: 2 }]);
    });

    it('does not know what to answer where a key is used for something else, or to a shipment it never had', async () => {
      const carrier = open();
      await ship(carrier, 'France');
      await expect(ship(carrier, 'Spain')).rejects.toThrow('used for another shipment');
      await expect(cancel(carrier, 'sh_unheard-of')).rejects.toThrow('there is no shipment');
      await expect(cancel(carrier, 'sh_unheard-of', nthCommand(9))).rejects.toThrow('there is no shipment');
      expect(await rows('cancellations')).toEqual([]);
    });

    letsLatencyPass(room, 'shipments', {
      quick: (carrier) => ship(carrier, 'France'),
      slow: (carrier) => ship(carrier, 'ZZ-slow', nthCommand(3)),
    });
  });
