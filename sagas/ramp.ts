import type { OrderId } from '@recourse/contracts/ids';
import { uuidV5 } from '@recourse/infra/event-id';
import { type SagaVersion, sagaVersions } from './machines.ts';

/** On which version of the machine new orders begin: so many of a hundred on this one, the others on the one before. */
export type NewOrders = { readonly version: SagaVersion; readonly percent: number };

/** What holds where nothing is said. */
export const newOrdersDefault: NewOrders = { version: 1, percent: 100 };

/**
 * The version on which an order begins. It hangs on the order's id and the two settings alone, and is asked once: from
 * its first step on the saga is pinned to the version that this step names. An order that begins on a version at some
 * percentage begins on it at every higher one, too.
 */
export const startVersion = (orderId: OrderId, { version, percent }: NewOrders): SagaVersion => {
  const before = sagaVersions[sagaVersions.indexOf(version) - 1] ?? version;
  return hundredth(orderId) < percent ? version : before;
};

/** 0 to 99, evenly spread whatever kind of id it is: ids that are made one after the other begin alike. */
const hundredth = (orderId: OrderId): number =>
  Number.parseInt(uuidV5(orderId, 'saga-version').slice(0, 8), 16) % 100;
