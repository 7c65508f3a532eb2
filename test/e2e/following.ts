import { expect } from '@jest/globals';
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
