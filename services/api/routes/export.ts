import { exportContentType } from '@recourse/contracts/export';
import { z } from 'zod';
import type { Context } from '../deps.ts';
import { exportLines } from '../export/lines.ts';
import type { Route } from '../route.ts';
import { readHistory } from '../saga-reading.ts';
import { orderIdOf, orderParams } from './orders.ts';

/** An order's whole history to take away, without personal data. */
export const exportRoutes = (context: Context): readonly Route[] => [
  {
    method: 'get',
    path: '/sagas/:id/export',
    operationId: 'exportSaga',
    tag: 'Sagas',
    summary: 'Exports the whole history of an order, without personal data',
    description:
      'JSON lines: what it is, every record in the order of the log, and a last line with a checksum over all before. ' +
      'Personal data is replaced by stand-ins, the same for the same text in every export of that order. Records of ' +
      'the stock are for reading only: their streams belong to other orders, too.',
    params: orderParams,
    responses: { 200: { description: 'The lines.', schema: z.string(), contentType: exportContentType } },
    problems: ['invalid-id', 'not-found', 'unavailable'],
    serve: async (req, res) => {
      const orderId = orderIdOf(req);
      const records = await readHistory(context, orderId);
      const text = [...exportLines(orderId, records)].join('');
      res.writeHead(200, {
        'Content-Type': exportContentType,
        'Content-Length': Buffer.byteLength(text),
        'Content-Disposition': `attachment; filename="${orderId}.jsonl"`,
      });
      res.end(text);
    },
  },
];
