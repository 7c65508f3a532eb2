import { PermanentError } from '@recourse/infra/errors';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { openShop, type Shop, until } from '../../../../test/shop.ts';

/** A shop in a folder that is to be moved, closed: with orders that have ended, and some that have not. */
export type OldShop = Pick<Shop, 'dataDir'> & {
  /** Orders that have ended, and how. */
  readonly ended: ReadonlyMap<string, string>;
  /** Open ones: its payment command is a dead letter; waits to be tried again, with its undo behind it; its carrier is down. */
  readonly dead: string;
  readonly waiting: string;
  readonly down: string;
  readonly end: () => Promise<void>;
};

const ofAmount = (unitPrice: number) => ({ lines: [{ sku: 'SKU-A', quantity: 1, unitPrice }] });
const [deadAmount, waitingAmount] = [666, 777];

/** Payment fails on two orders by a fault of its own, not of the log: for good, or for now. */
const wrapLog = (log: EventLog): EventLog => ({
  ...log,
  append: async (stream, expected, events) => {
    const [event] = events;
    const isCharge = event?.type === 'PaymentStarted' || event?.type === 'AuthorizationStarted';
    const amount = isCharge ? event.data.amount : undefined;
    if (amount === deadAmount) throw new PermanentError('cannot charge 666');
    if (amount === waitingAmount) throw new TypeError('cannot charge 777');
    return log.append(stream, expected, events);
  },
});

/** Its orders began on both versions of the saga. */
export const oldShop = async (): Promise<OldShop> => {
  const flags = { askDelaysMs: '40,5000', retryDelaysMs: '20,3600000' };
  const first = await openShop({ flags: { ...flags, sagaVersion: '1' }, overrides: { wrapLog } });
  const ended = new Map<string, string>();
  const place = async (shop: Shop, changes: Record<string, unknown>) => {
    const { orderId, state } = await shop.placeAndWait(changes);
    ended.set(orderId, state);
  };
  for (const country of ['United Kingdom', 'ZZ-refused']) await place(first, { country });
  const dead = await first.place(ofAmount(deadAmount));
  await until(
    () => first.get('/dead-letters'),
    ({ body }) => body.items.length === 1,
  );
  await first.close();

  const second = await openShop({
    dataDir: first.dataDir,
    flags: { ...flags, sagaVersion: '2' },
    overrides: { wrapLog },
  });
  await place(second, { paymentToken: 'tok_declined' });
  const waiting = await second.place(ofAmount(waitingAmount));
  await until(
    () => second.saga(waiting),
    ({ waitsFor }) => waitsFor !== null,
  );
  await second.post(`/orders/${waiting}/cancel`);
  await until(
    () => second.saga(waiting),
    ({ waitsFor }) => waitsFor?.type === 'RefundPayment' || waitsFor?.type === 'VoidPayment',
  );
  const down = await second.place({ country: 'ZZ-down-3' });
  await until(
    () => second.saga(down),
    ({ waitsFor }) => (waitsFor?.asks ?? 0) >= 2,
  );
  for (const paymentToken of ['tok_accepted', 'tok_declined']) await place(second, { paymentToken });
  await second.close();
  return { dataDir: first.dataDir, ended, dead, waiting, down, end: first.end };
};
