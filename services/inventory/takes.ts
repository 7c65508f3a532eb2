import type { Shortage } from '@recourse/contracts/events';
import type { OrderId, Sku } from '@recourse/contracts/ids';
import type { Counter } from './counter.ts';
import type { Inventory, NotedLine, Reservation } from './inventory.ts';
import { hold } from './shelf.ts';
import type { Stock } from './stock.ts';
import type { Answer, Wish } from './wish.ts';

/**
 * Looks at the heads of SKUs and holds them, so that what is written there from now on is remembered; whoever notes
 * lets go of all that `held` holds.
 */
export const note = async (stock: Stock, skus: readonly Sku[], held: Counter[]): Promise<Counter[]> => {
  const counters = await Promise.all(skus.map((sku) => stock.find(sku)));
  counters.forEach(hold);
  held.push(...counters);
  return counters;
};

/** Lines with what their SKUs hold. Where memory shows a shortage it looks again: others may have brought stock in. */
export const noteLines = async (
  stock: Stock,
  lines: readonly { readonly sku: Sku; readonly quantity: number }[],
  held: Counter[],
): Promise<NotedLine[]> => {
  const counters = await note(
    stock,
    lines.map(({ sku }) => sku),
    held,
  );
  const short = counters.filter(({ onHand }, index) => onHand < lines[index]!.quantity);
  if (short.length > 0) await Promise.all(short.map((counter) => stock.refresh(counter)));
  return lines.map(({ sku, quantity }, index) => {
    const { revision, onHand } = counters[index]!;
    return { sku, quantity, revision, onHand };
  });
};

const askAll = (
  stock: Stock,
  { lines }: Reservation,
  wishFor: (line: Reservation['lines'][number], index: number) => Wish,
): Promise<Answer[]> =>
  Promise.all(
    lines.map((line, index) => {
      const counter = stock.find(line.sku);
      const wish = wishFor(line, index);
      return counter instanceof Promise
        ? counter.then((loaded) => stock.ask(loaded, wish))
        : stock.ask(counter, wish);
    }),
  );

/**
 * Asks all SKUs of a reservation in one turn. Resolves with the shortages, or with `returned` where a SKU says that
 * this reservation was given back: then nothing may be taken for it any more.
 */
export const takeAll = async (
  stock: Stock,
  orderId: OrderId,
  reservation: Reservation,
): Promise<Shortage[] | 'returned'> => {
  const { commandId: reserveId, lines } = reservation;
  const answers = await askAll(stock, reservation, ({ quantity, revision: since }) => ({
    type: 'StockTaken',
    orderId,
    reserveId,
    quantity,
    since,
  }));
  if (answers.some(({ type }) => type === 'returned')) return 'returned';
  return answers.flatMap((answer, index) => {
    if (answer.type !== 'short') return [];
    const { sku, quantity } = lines[index]!;
    return [{ sku, requested: quantity, onHand: answer.onHand, reason: 'insufficient-stock' }];
  });
};

/**
 * Gives back to every SKU of a reservation: taken, refused or not reached, so that a taker that was paused meets a
 * conflict there and stops.
 */
export const returnAll = async (
  stock: Stock,
  orderId: OrderId,
  releasing: Extract<Inventory, { status: 'releasing' }>,
): Promise<void> => {
  const { reservation } = releasing;
  const { commandId: reserveId } = reservation;
  const causation = releasing.because === 'release' ? releasing.releaseId : reserveId;
  const revisions = releasing.because === 'release' ? releasing.revisions : undefined;
  await askAll(stock, reservation, ({ quantity, revision }, index) => ({
    type: 'StockReturned',
    orderId,
    reserveId,
    causation,
    taken: revisions === undefined ? undefined : quantity,
    since: revisions?.[index] ?? revision,
  }));
};
