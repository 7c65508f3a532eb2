import { formatPosition } from '@recourse/contracts/http';
import { ProjectionRows, type RowsProgress, RowsQuery } from '@recourse/contracts/http-rows';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Context } from '../deps.ts';
import { problemAnswer, problemOf } from '../problem.ts';
import type { Prepared } from '../query/queries.ts';
import { type Route, sendJson } from '../route.ts';

/** The rows of a read model, as they are or as they were. */
export const projectionRowsRoute = ({ queries }: Context): Route => ({
  ...documented,
  serve: async (req, res) => {
    const prepared = await queries.prepare(String(req.params.name), req.query);
    const hungUp = new AbortController();
    res.once('close', () => hungUp.abort());
    try {
      if (req.accepts(['json', 'text/event-stream']) === 'text/event-stream')
        await stream(prepared, req, res, hungUp.signal);
      else sendJson(res, 200, await prepared.rows({ signal: hungUp.signal }));
    } catch (error) {
      // Who has hung up wants no answer.
      if (!hungUp.signal.aborted) throw error;
    }
  },
});

/** Server-sent events: `progress` while the past is folded, then `rows`, or the `problem` that came between. */
const stream = async (
  prepared: Prepared,
  req: Request,
  res: Response,
  signal: AbortSignal,
): Promise<void> => {
  res.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  });
  const say = (event: 'progress' | 'rows' | 'problem', data: unknown) =>
    res.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  const progress = (position: number): RowsProgress => ({
    position: formatPosition(position),
    of: formatPosition(prepared.position ?? position),
  });
  try {
    if (prepared.position !== null) say('progress', progress(0));
    say(
      'rows',
      await prepared.rows({ signal, onProgress: (position) => say('progress', progress(position)) }),
    );
  } catch (error) {
    if (!signal.aborted) say('problem', problemAnswer(problemOf(error), req.path).body);
  } finally {
    res.end();
  }
};

const documented = {
  method: 'get',
  path: '/projections/:name/rows',
  operationId: 'queryProjection',
  tag: 'Operations',
  summary: 'Shows the rows of a read model, as they are or as they were',
  description:
    'Every parameter that is not named here is a column with the value that it must have: several times the same column, ' +
    'one of these; an empty value, none. A column of JSON has what it is, or what its array holds. Rows with a number ' +
    'come newest first, others in the order of their key. The past is folded from the log, which takes some seconds ' +
    'for each million of records; who hangs up ends that. With `Accept: text/event-stream` the answer is events: ' +
    '`progress` (`{ position, of }`) as often as there is any, then `rows`, or a `problem`.',
  params: z.object({ name: z.string() }),
  query: RowsQuery,
  responses: { 200: { description: 'A page of rows.', schema: ProjectionRows } },
  problems: [
    'invalid-request',
    'not-found',
    'overloaded',
    'unavailable',
    'no-space',
    'stopping',
    'not-in-distributed',
  ],
} satisfies Omit<Route, 'serve'>;
