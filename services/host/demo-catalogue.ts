import type { ReceiptId, Sku } from '@recourse/contracts/ids';
import { receiptStream } from '@recourse/contracts/streams';
import { uuidV5 } from '@recourse/infra/event-id';
import { type EventLog, noStream } from '@recourse/infra/ports/event-log';
import type { InventoryService } from '@recourse/inventory/service';

/** What a new data folder begins with, so that the first order can be placed at once. */

/** One article: pieces to take in, and a price in minor units of GBP that `recourse order` and the demo use. */
export type DemoArticle = {
  readonly sku: Sku;
  readonly name: string;
  readonly quantity: number;
  readonly unitPrice: number;
};

const article = (sku: string, name: string, quantity: number, unitPrice: number): DemoArticle => ({
  sku: sku as Sku,
  name,
  quantity,
  unitPrice,
});

/** A gift shop's shelf. */
export const demoCatalogue: readonly DemoArticle[] = [
  article('LANTERN-WHITE', 'White metal lantern', 1_000, 339),
  article('TEAPOT-RED', 'Red enamel teapot', 500, 1_495),
  article('MUG-POLKADOT', 'Polka dot mug', 2_000, 249),
  article('CANDLE-VANILLA', 'Vanilla candle', 5_000, 125),
  article('CUSHION-HEART', 'Heart cushion', 800, 895),
  article('CLOCK-RAILWAY', 'Railway station clock', 120, 2_450),
  article('BUNTING-SPOTTY', 'Spotty bunting, 3 m', 600, 495),
  article('JIGSAW-ALPHABET', 'Alphabet jigsaw', 300, 165),
  article('UMBRELLA-BIRD', 'Bird umbrella', 250, 595),
  article('TIN-CAKE', 'Set of three cake tins', 400, 1_295),
];

const namespace = '6f2c8f0e-6f0b-5a4e-9a55-0c3d1f3f7b11';

/** The receipt by which an article comes in: the same each time, so that a crash half-way does no harm. */
const demoReceiptId = (sku: Sku): ReceiptId => uuidV5(namespace, `demo-catalogue:${sku}`) as ReceiptId;

/**
 * Puts the demo catalogue into the stock of a new log, or goes on where an earlier start broke off; any other log
 * stays as it is. The first article comes in before the others and the last after them: so it has begun once the
 * first one's receipt has, and is done once the last one is known. Rejects as `receive` does.
 */
export const putInDemoCatalogue = async (
  log: EventLog,
  inventory: Pick<InventoryService, 'receive' | 'isKnown'>,
): Promise<void> => {
  const [first, ...others] = demoCatalogue;
  const last = others.pop()!;
  if ((await log.head()) > 0) {
    const begun = (await log.headOf(receiptStream(demoReceiptId(first!.sku)))) !== noStream;
    if (!begun || (await inventory.isKnown(last.sku))) return;
  }
  const putIn = ({ sku, quantity }: DemoArticle) =>
    inventory.receive({ receiptId: demoReceiptId(sku), sku, quantity });
  await putIn(first!);
  await Promise.all(others.map(putIn));
  await putIn(last);
};
