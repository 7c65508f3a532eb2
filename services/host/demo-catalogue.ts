import type { ReceiptId, Sku } from '@recourse/contracts/ids';
import { uuidV5 } from '@recourse/infra/event-id';

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
export const demoReceiptId = (sku: Sku): ReceiptId => uuidV5(namespace, `demo-catalogue:${sku}`) as ReceiptId;

/** Takes goods in, as the inventory service does; a receipt that has been taken in changes nothing. */
export type Receive = (receiptId: ReceiptId, sku: Sku, quantity: number) => Promise<unknown>;

/** Puts the demo catalogue into stock. Rejects as `receive` does; calling again goes on where that stopped. */
export const putInDemoCatalogue = async (receive: Receive): Promise<void> => {
  await Promise.all(demoCatalogue.map(({ sku, quantity }) => receive(demoReceiptId(sku), sku, quantity)));
};
