import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@recourse/infra/system';
import { nthCommand, openBooksRoom, orderId } from '../../test/participant-kit.ts';
import { virtualClock } from '../../test/virtual-clock.ts';
import { openSimulatedCarrier, type SimulatedCarrier } from './simulated-carrier.ts';
import type { testCountries } from './test-countries.ts';

let books: ReturnType<typeof openBooksRoom>;
beforeEach(() => {
  books = openBooksRoom();
});
afterEach(() => books.dispose());

const open = (
  more: { servedCountries?: string[]; slowMs?: number; latencyMs?: number } = {},
  clock = systemClock,
) => books.kept(openSimulatedCarrier({ path: books.path, clock, ...more }));

const signal = new AbortController().signal;
const key = nthCommand(1);
const ship = (carrier: SimulatedCarrier, country: string, shipKey = key) =>
  carrier.ship({ key: shipKey, orderId, country, signal });
const cancel = (carrier: SimulatedCarrier, shipmentId: string, shipKey = key) =>
  carrier.cancel({ key: nthCommand(2), shipKey, shipmentId, signal });

/** What so many calls to ship with one key come to. */
const calls = async (carrier: SimulatedCarrier, times: number, country: string) => {
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

describe('the simulated carrier', () => {
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
      const entries = books.rows('shipments');
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
    carrier.close();
    const reopened = open();
    expect(await ship(reopened, 'France')).toEqual(first);
    expect(await cancel(reopened, first.shipmentId)).toEqual({ cancelled: true });
    expect(books.rows('shipments')).toMatchObject([{ calls: 3 }]);
    expect(books.rows('cancellations')).toMatchObject([{ shipKey: key, cancelled: 1, calls: 2 }]);
  });

  it('does not hold back a parcel that is gone', async () => {
    const carrier = open();
    await ship(carrier, 'ZZ-gone').catch(() => undefined);
    const shipped = await ship(carrier, 'ZZ-gone');
    if (!shipped.accepted) throw new Error('refused');
    for (let asks = 0; asks < 2; asks += 1)
      expect(await cancel(carrier, shipped.shipmentId)).toEqual({ cancelled: false, reason: 'parcel-gone' });
    expect(books.rows('cancellations')).toMatchObject([{ cancelled: 0, calls: 2 }]);
  });

  it('does not know what to answer where a key is used for something else, or to a shipment it never had', async () => {
    const carrier = open();
    await ship(carrier, 'France');
    await expect(ship(carrier, 'Spain')).rejects.toThrow('used for another shipment');
    await expect(cancel(carrier, 'sh_unheard-of')).rejects.toThrow('there is no shipment');
    await expect(cancel(carrier, 'sh_unheard-of', nthCommand(9))).rejects.toThrow('there is no shipment');
    expect(books.rows('cancellations')).toEqual([]);
  });

  it('lets its latency pass between the books and the answer, and more of it for a slow country', async () => {
    const clock = virtualClock();
    const carrier = open({ latencyMs: 100, slowMs: 3_000 }, clock);
    const answered: string[] = [];
    const quick = ship(carrier, 'France').then(() => answered.push('quick'));
    const slow = ship(carrier, 'ZZ-slow', nthCommand(3)).then(() => answered.push('slow'));
    await clock.advance(99);
    expect(books.rows('shipments')).toHaveLength(2);
    expect(answered).toEqual([]);
    await clock.advance(1);
    await quick;
    await clock.advance(2_899);
    expect(answered).toEqual(['quick']);
    await clock.advance(1);
    await slow;
  });
});
