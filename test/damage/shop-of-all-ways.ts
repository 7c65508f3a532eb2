import type { Flags } from '@recourse/host/config';
import { openShop, type Shop, until } from '../shop.ts';

/** How orders end, or do not: by what is ordered, where to, and with which token. */
const ways = [
  {},
  { customerId: 'customer-7', lines: [{ sku: 'SKU-A', quantity: 2, unitPrice: 100 }] },
  { paymentToken: 'tok_declined' },
  { lines: [{ sku: 'SKU-B', quantity: 50, unitPrice: 1 }] },
  { country: 'ZZ-refused' },
  { paymentToken: 'tok_answer_lost' },
  { country: 'ZZ-answer-lost' },
  { paymentToken: 'tok_down_8' },
  { country: 'ZZ-down-8' },
  { paymentToken: 'tok_refund_down_2', country: 'ZZ-refused' },
] as const;

/**
 * A closed shop in which orders have gone every way: completed, taken back from each step, cancelled by the customer,
 * settled by a person who turned out to be wrong, tried again, and one that waits.
 */
export const shopOfAllWays = async (flags: Flags = {}): Promise<Shop> => {
  const { dataDir } = await shopOfSlowWays(flags);
  const shop = await openShop({ dataDir, flags });
  const ids = await Promise.all(ways.map((way) => shop.place(way)));
  const stuck = await shop.place({ country: 'ZZ-down' });
  for (const id of ids)
    await until(
      () => shop.order(id),
      ({ endedAt }) => endedAt !== null,
    );
  await shop.post(`/sagas/${stuck}/retry`, {});
  // From here on the next ask is so far away that nothing comes while the shop is closed.
  await until(
    () => shop.saga(stuck),
    ({ waitsFor }) => (waitsFor?.asks ?? 0) >= 12,
  );
  await closeCaughtUp(shop);
  return shop;
};

/** Closes a shop whose read models have caught up with its log, as far as that stands still. */
export const closeCaughtUp = async (shop: Shop): Promise<void> => {
  const { position } = await shop.ledger();
  await until(
    () => shop.get('/projections'),
    ({ body }) => (body.items as unknown as { position: string }[]).every((it) => it.position >= position),
  );
  await shop.close();
};

/** With these the carrier and the provider answer only when they are told to. */
const slowCountry = 'France';
const slowToken = 'tok_accepted:slow';

/** A closed shop with orders in which somebody was quicker than the provider or the carrier, who answered later. */
const shopOfSlowWays = async (flags: Flags): Promise<Shop> => {
  const [provider, carrier] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const shop = await openShop({
    flags: { ...flags, askDelaysMs: '60000', callMsMax: '60000' },
    overrides: {
      wrapGateway: (it) => ({
        ...it,
        charge: async (request) => {
          if (request.paymentToken === slowToken) await provider.promise;
          return it.charge(request);
        },
        authorize: async (request) => {
          if (request.paymentToken === slowToken) await provider.promise;
          return it.authorize(request);
        },
      }),
      wrapCarrier: (it) => ({
        ...it,
        ship: async (request) => {
          if (request.country === slowCountry) await carrier.promise;
          return it.ship(request);
        },
      }),
    },
  });
  await cancelled(shop, carrier.resolve);
  await settledByPerson(shop, provider.resolve);
  await shop.close();
  return shop;
};

/** An order whose charge a person settles, before the provider answers after all. */
const settledByPerson = async (shop: Shop, answer: () => void): Promise<void> => {
  const id = await shop.place({ paymentToken: slowToken });
  const { waitsFor } = await until(
    () => shop.saga(id),
    ({ state }) => state === 'paying' || state === 'authorizing',
  );
  const outcome = waitsFor!.type === 'ProcessPayment' ? 'PaymentProcessed' : 'PaymentAuthorized';
  const found = { commandId: waitsFor!.commandId, outcome, reference: 'bank-4711', note: 'seen at the bank' };
  await shop.post(`/sagas/${id}/resolve`, found);
  await until(
    () => shop.saga(id),
    ({ state }) => state !== 'paying' && state !== 'authorizing',
  );
  answer();
  await until(
    () => shop.saga(id),
    ({ flags }) => flags.includes('late-answer'),
  );
};

/** An order that its customer cancels while it is being shipped. */
const cancelled = async (shop: Shop, answer: () => void): Promise<void> => {
  const id = await shop.place({ country: slowCountry });
  await until(
    () => shop.saga(id),
    ({ state }) => state === 'shipping',
  );
  await shop.post(`/orders/${id}/cancel`);
  answer();
  await until(
    () => shop.order(id),
    ({ endedAt }) => endedAt !== null,
  );
};
