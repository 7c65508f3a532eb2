import type { OrderId } from '@recourse/contracts/ids';
import { type Attempt, callMsMax, settle, threeMoves } from '@recourse/infra/act';
import { deciderStore } from '@recourse/infra/decider';
import type { ConsumerGroup, Message } from '@recourse/infra/ports/broker';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Logger } from 'pino';
import type { Carrier } from './carrier.ts';
import type { CancellationLearned, ShippingAct, ShippingCommand, ShippingResolution } from './model.ts';
import { pendingShippingAct, shipping } from './shipping.ts';

/** The participant `shipping`: ships and cancels, in three moves (see `threeMoves`). */
export type ShippingService = {
  readonly group: ConsumerGroup;
  /**
   * Records what a person found out, in one append. `not-resolvable` where it does not fit what the log holds.
   * Rejects as the log does.
   */
  resolve(orderId: OrderId, resolution: ShippingResolution): Promise<'recorded' | 'not-resolvable'>;
};

/** Wires the shipping decider to the log and to a carrier; `callMsMax` bounds each call, in milliseconds. */
export const shippingService = (deps: {
  readonly log: EventLog;
  readonly carrier: Carrier;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly callMsMax?: number;
}): ShippingService => {
  const { log, carrier, clock, logger } = deps;
  const store = deciderStore(log, 'shipping', shipping);

  const perform = async (act: ShippingAct, orderId: OrderId, attempt: Attempt): Promise<ShippingCommand> => {
    const { intent } = act;
    const { commandId: shipKey, country } = intent;
    // A cancellation repeats the shipment's own call first: so it learns whether there is a parcel to hold back.
    const ship = await attempt((signal) => carrier.ship({ key: shipKey, orderId, country, signal }));
    if (act.call === 'ship') return { type: 'ShipAnswered', commandId: shipKey, answer: ship };
    const { commandId } = act;
    let learned: CancellationLearned = { shipped: false };
    if (ship.accepted) {
      const { shipmentId } = ship;
      const answer = await attempt((signal) =>
        carrier.cancel({ key: commandId, shipKey, shipmentId, signal }),
      );
      learned = { shipped: true, shipmentId, answer };
    }
    return { type: 'CancelAnswered', commandId, intent, learned };
  };

  const obey = threeMoves({
    store,
    pendingAct: pendingShippingAct,
    perform,
    clock,
    logger,
    callMsMax: deps.callMsMax ?? callMsMax,
  });

  return {
    group: {
      group: 'shipping',
      topics: ['shipping.commands'],
      handle: async (message: Message) => {
        if (message.type !== 'ShipOrder' && message.type !== 'CancelShipment')
          throw new Error(`shipping.commands does not carry ${message.type}`);
        await obey(message.key, message);
      },
      onAssigned: async () => store.forget(),
    },

    resolve: async (orderId, resolution) => {
      const command = { type: 'ResolveShipping', ...resolution } as const;
      const recorded = await settle(store, shipping, orderId, command, resolution.commandId);
      return recorded ? 'recorded' : 'not-resolvable';
    },
  };
};
