import { expect } from '@jest/globals';
import type { Order } from '@recourse/contracts/http';
import type { PaymentGateway } from '@recourse/payment/gateway';
import { type HttpShop, until } from '../shop.ts';

/** How tests follow an order through a shop, and a provider that is long out of reach. */

/** The order, once it and its saga have ended. */
export const ended = async (shop: HttpShop, orderId: string) => {
  await until(
    () => shop.saga(orderId),
    ({ state }) => state === 'completed' || state === 'cancelled',
  );
  return shop.order(orderId);
};

/** Its saga, once that is in this state of the chart. */
export const inState = (shop: HttpShop, orderId: string, state: string) =>
  until(
    () => shop.saga(orderId),
    (saga) => saga.state === state,
  );

const triesMax = 20;

/**
 * An order that its customer cancels once it has come to this state, so many times, each answered 202, and that ends as
 * `wanted`; gives it as it ended. The customer has 40 ms until a step is asked for again: of an order that is quicker
 * another one is placed.
 */
export const cancelledIn = async (
  shop: HttpShop,
  state: string,
  changes: Record<string, unknown>,
  { times = 1, wanted = () => true }: { times?: number; wanted?: (order: Order) => boolean } = {},
): Promise<Order> => {
  let last: unknown;
  for (let tries = 0; tries < triesMax; tries += 1) {
    const orderId = await shop.place(changes);
    await until(
      () => shop.saga(orderId),
      ({ steps }) => steps.some((step) => step.state === state),
    );
    const statuses: number[] = [];
    while (statuses.length < times) statuses.push((await shop.post(`/orders/${orderId}/cancel`)).status);
    const order = await ended(shop, orderId);
    if (statuses.every((status) => status === 202) && wanted(order)) return order;
    last = { statuses, order };
  }
  throw new Error(`none of ${triesMax} orders was cancelled in ${state}; last: ${JSON.stringify(last)}`);
};

/** The chart's states that the order went through. */
export const wayOf = async (shop: HttpShop, orderId: string) => {
  const { steps } = await shop.saga(orderId);
  return steps.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1]);
};

export const ledgerBalances = async (shop: HttpShop) => expect((await shop.ledger()).violations).toEqual([]);

/** A token with which the provider is not reached before `comeBack`, however often it is asked for money. */
export const providerOutOfReach = () => {
  const token = 'tok_accepted:unreached';
  let reachable = false;
  const reach = (paymentToken: string) => {
    if (paymentToken === token && !reachable) throw new Error('not reached');
  };
  return {
    token,
    comeBack: () => {
      reachable = true;
    },
    wrapGateway: (gateway: PaymentGateway): PaymentGateway => ({
      ...gateway,
      charge: async (request) => {
        reach(request.paymentToken);
        return gateway.charge(request);
      },
      authorize: async (request) => {
        reach(request.paymentToken);
        return gateway.authorize(request);
      },
    }),
  };
};
