import { Ledger } from '@recourse/contracts/http';
import { z } from 'zod';
import type { Context } from '../deps.ts';
import { ProblemError } from '../problem.ts';
import { type Route, sendJson } from '../route.ts';

const Health = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Health' });

/** What operators look at. */
export const operationRoutes = (context: Context): readonly Route[] => [
  {
    ...documented.ledger,
    serve: async (_req, res) => sendJson(res, 200, await context.readModels.ledger()),
  },
  ...processRoutes(context),
];

/** Whether a process lives and is ready, and what it measures: of every process, whatever it does. */
export const processRoutes = ({
  ready,
  stopping,
  metrics,
}: Pick<Context, 'ready' | 'stopping' | 'metrics'>): readonly Route[] => [
  { ...documented.live, serve: (_req, res) => sendJson(res, 200, { status: 'ok' }) },
  {
    ...documented.ready,
    serve: (_req, res) => {
      if (stopping()) throw new ProblemError('stopping', 'The service is stopping.');
      const reasons = ready();
      if (reasons.length > 0) {
        const errors = reasons.map((message) => ({ path: '', message }));
        throw new ProblemError('unavailable', `Not ready: ${reasons.join('; ')}`, { errors });
      }
      sendJson(res, 200, { status: 'ok' });
    },
  },
  {
    ...documented.metrics,
    serve: async (_req, res) => {
      const text = await metrics.text();
      res.writeHead(200, { 'Content-Type': metrics.contentType, 'Content-Length': Buffer.byteLength(text) });
      res.end(text);
    },
  },
];

const documented = {
  ledger: {
    method: 'get',
    path: '/ledger',
    operationId: 'getLedger',
    tag: 'Operations',
    summary: 'Compares money, stock and books',
    description: 'At one position of the log. `violations` is empty when all is well, also while orders run.',
    responses: { 200: { description: 'The ledger.', schema: Ledger } },
    problems: ['unavailable'],
  },
  live: {
    method: 'get',
    path: '/health/live',
    operationId: 'isLive',
    tag: 'Operations',
    summary: 'Says that the process lives',
    responses: { 200: { description: 'It does.', schema: Health } },
    problems: [],
  },
  ready: {
    method: 'get',
    path: '/health/ready',
    operationId: 'isReady',
    tag: 'Operations',
    summary: 'Says whether orders are taken',
    responses: { 200: { description: 'They are.', schema: Health } },
    problems: ['unavailable', 'stopping'],
  },
  metrics: {
    method: 'get',
    path: '/metrics',
    operationId: 'getMetrics',
    tag: 'Operations',
    summary: 'Shows metrics, as Prometheus reads them',
    responses: { 200: { description: 'The metrics.', schema: z.string(), contentType: 'text/plain' } },
    problems: [],
  },
} satisfies Record<string, Omit<Route, 'serve'>>;
