import type { CommandData, CommandName } from '@recourse/contracts/commands';
import type { EventData, SagaContext } from '@recourse/contracts/events';

type OrderFacts = EventData['OrderCreated'];

/** The data of a command, from the order and, for CancelOrder, the reason. */
export const dataOf = (
  type: CommandName,
  facts: OrderFacts,
  context: SagaContext,
): CommandData[CommandName] => {
  switch (type) {
    case 'ProcessPayment':
    case 'AuthorizePayment':
      return { amount: facts.total, currency: facts.currency, paymentToken: facts.paymentToken };
    case 'CapturePayment':
      return { amount: facts.total, currency: facts.currency };
    case 'RefundPayment':
      return { currency: facts.currency };
    case 'ReserveInventory':
      return { lines: summed(facts.lines) };
    case 'ShipOrder':
      return { country: facts.country };
    case 'CancelOrder':
      return { because: context.because! };
    default:
      return {};
  }
};

/** One take a SKU: the lines of one SKU are summed, in the order in which the SKUs first stand. */
const summed = (lines: OrderFacts['lines']): CommandData['ReserveInventory']['lines'] => {
  const quantities = new Map<OrderFacts['lines'][number]['sku'], number>();
  for (const { sku, quantity } of lines) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
  return [...quantities].map(([sku, quantity]) => ({ sku, quantity }));
};
