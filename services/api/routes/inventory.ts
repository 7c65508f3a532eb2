import { Receipt, ReceiptRequest, rfc3339, Stock } from '@recourse/contracts/http';
import { type ReceiptId, Sku } from '@recourse/contracts/ids';
import { ReceiptReusedError } from '@recourse/inventory/receipts';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { readJson } from '../body.ts';
import type { Context } from '../deps.ts';
import { anonymous, idempotencyKey, receiptIdOfKey } from '../idempotency.ts';
import { notFound, ProblemError } from '../problem.ts';
import { type Route, sendJson } from '../route.ts';
import { valid, validId } from '../validate.ts';

const params = z.object({ sku: Sku });

/** Inventory: goods in, and stock now. */
export const inventoryRoutes = (context: Context): readonly Route[] => {
  const { inventory, ids, limits } = context;

  const receive = async (req: Request, res: Response): Promise<void> => {
    const sku = validId(Sku, 'sku', req.params.sku);
    const { quantity } = valid(ReceiptRequest, await readJson(req, limits.bodyBytesMax));
    const key = idempotencyKey(req.headers['idempotency-key']);
    const receiptId = key === undefined ? (ids.next() as ReceiptId) : receiptIdOfKey(anonymous, key);
    try {
      const { onHand } = await inventory.receive({ receiptId, sku, quantity });
      const receipt: Receipt = { receiptId, sku, quantity, onHand };
      sendJson(res, 201, receipt, { Location: `/inventory/${encodeURIComponent(sku)}` });
    } catch (error) {
      if (!(error instanceof ReceiptReusedError)) throw error;
      throw new ProblemError('idempotency-key-reused', 'This Idempotency-Key came with other goods before.', {
        errors: [{ path: 'Idempotency-Key', message: 'was used for another request' }],
      });
    }
  };

  return [
    { ...documented.receive, serve: receive },
    {
      ...documented.get,
      serve: async (req, res) => {
        const sku = validId(Sku, 'sku', req.params.sku);
        const found = await inventory.stockOf(sku);
        if (found === undefined) throw notFound(`SKU ${sku}`);
        const { onHand, revision, updatedAt } = found;
        const stock: Stock = { sku, onHand, revision, updatedAt: rfc3339(updatedAt) };
        sendJson(res, 200, stock);
      },
    },
  ];
};

const documented = {
  receive: {
    method: 'post',
    path: '/inventory/:sku/receipts',
    operationId: 'receiveStock',
    tag: 'Inventory',
    summary: 'Takes goods in',
    description: 'A SKU is known from its first receipt. With an `Idempotency-Key` goods are taken in once.',
    params,
    headers: z.object({
      'Idempotency-Key': z.string().min(1).max(257).optional().meta({
        description: '1 to 255 printable ASCII characters, in double quotes or bare. Kept for ever.',
      }),
    }),
    body: { schema: ReceiptRequest, required: true },
    responses: { 201: { description: 'Taken in.', schema: Receipt } },
    problems: [
      'malformed-json',
      'invalid-request',
      'invalid-id',
      'body-too-large',
      'unsupported-media-type',
      'idempotency-key-reused',
      'unavailable',
      'read-only',
      'stopping',
    ],
  },
  get: {
    method: 'get',
    path: '/inventory/:sku',
    operationId: 'getStock',
    tag: 'Inventory',
    summary: 'Shows the stock of a SKU now',
    params,
    responses: { 200: { description: 'The stock.', schema: Stock } },
    problems: ['invalid-id', 'not-found', 'unavailable'],
  },
} satisfies Record<string, Omit<Route, 'serve'>>;
