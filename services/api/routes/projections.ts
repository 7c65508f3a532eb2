import { formatPosition } from '@recourse/contracts/http';
import { ProjectionList, ProjectionStatus, RebuildRequest } from '@recourse/contracts/http-projections';
import type * as standing from '@recourse/infra/ports/read-models';
import { RebuildRefusedError } from '@recourse/infra/ports/read-models';
import type { Request } from 'express';
import { z } from 'zod';
import { readJson } from '../body.ts';
import type { Context } from '../deps.ts';
import { notFound, ProblemError } from '../problem.ts';
import { type Route, sendJson } from '../route.ts';
import { valid } from '../validate.ts';

/** The read models: how far they are, and folding them anew. */
export const projectionRoutes = ({ log, readModels, limits, logger }: Context): readonly Route[] => {
  const all = async (): Promise<ProjectionList> => {
    const head = await log.head();
    const stand = await readModels.status();
    return { head: formatPosition(head), items: stand.map((it) => shown(it, head)) };
  };

  const one = async (name: unknown): Promise<ProjectionStatus> => {
    const found = (await all()).items.find((it) => it.name === name);
    if (found === undefined) throw notFound('The projection');
    return found;
  };

  const rebuild = async (req: Request, names: readonly string[] | 'all') => {
    const body = await readJson(req, limits.bodyBytesMax, { optional: true });
    const { pace = 'default' } = valid(RebuildRequest, body);
    await readModels.rebuild(names, pace).catch((error: unknown) => {
      throw refusal(error);
    });
    logger.info({ projections: names, pace }, 'a rebuild was asked for');
  };

  return [
    { ...documented.list, serve: async (_req, res) => sendJson(res, 200, await all()) },
    // Before what takes any name.
    {
      ...documented.rebuildAll,
      serve: async (req, res) => {
        await rebuild(req, 'all');
        sendJson(res, 202, await all(), { Location: '/projections' });
      },
    },
    { ...documented.show, serve: async (req, res) => sendJson(res, 200, await one(req.params.name)) },
    {
      ...documented.rebuild,
      serve: async (req, res) => {
        const { name } = await one(req.params.name);
        await rebuild(req, [name]);
        sendJson(res, 202, await one(name), { Location: `/projections/${name}` });
      },
    },
  ];
};

const shown = ({ rebuild, ...it }: standing.ProjectionStatus, head: number): ProjectionStatus => ({
  ...it,
  position: formatPosition(it.position),
  behind: Math.max(0, head - it.position),
  error: shownError(it.error),
  rebuild: rebuild && {
    ...rebuild,
    position: formatPosition(rebuild.position),
    head: formatPosition(Math.max(head, rebuild.head)),
    behind: Math.max(0, head - rebuild.position),
    error: shownError(rebuild.error),
  },
});

const shownError = (error: standing.FoldingError | null): ProjectionStatus['error'] => {
  if (error === null) return null;
  const { position, ...others } = error;
  return { ...others, ...(position !== undefined && { position: formatPosition(position) }) };
};

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

const refusal = (error: unknown): unknown => {
  if (!(error instanceof RebuildRefusedError)) return error;
  const code = error.code === 'unknown-projection' ? 'not-found' : error.code;
  return new ProblemError(code, sentence(error.message));
};

const params = z.object({ name: z.string() });

const rebuilding = {
  method: 'post',
  tag: 'Operations',
  body: { schema: RebuildRequest, required: false },
} as const;

const description =
  'They are folded anew beside what serves, which goes on serving until they have caught up. A rebuild survives a crash.';

const problems = [
  'malformed-json',
  'invalid-request',
  'rebuild-running',
  'body-too-large',
  'unsupported-media-type',
  'unavailable',
  'no-space',
  'stopping',
] as const;

const documented = {
  list: {
    method: 'get',
    path: '/projections',
    operationId: 'listProjections',
    tag: 'Operations',
    summary: 'Lists the read models: how far they are, and their rebuilds',
    responses: { 200: { description: 'All of them.', schema: ProjectionList } },
    problems: ['unavailable'],
  },
  show: {
    method: 'get',
    path: '/projections/:name',
    operationId: 'getProjection',
    tag: 'Operations',
    summary: 'Shows how far a read model is, and its rebuild',
    params,
    responses: { 200: { description: 'The projection.', schema: ProjectionStatus } },
    problems: ['not-found', 'unavailable'],
  },
  rebuildAll: {
    ...rebuilding,
    path: '/projections/rebuild',
    operationId: 'rebuildProjections',
    summary: 'Folds all read models anew, in one pass over the log',
    description,
    responses: { 202: { description: 'They are being rebuilt.', schema: ProjectionList } },
    problems,
  },
  rebuild: {
    ...rebuilding,
    path: '/projections/:name/rebuild',
    operationId: 'rebuildProjection',
    summary: 'Folds a read model anew',
    description,
    params,
    responses: { 202: { description: 'It is being rebuilt.', schema: ProjectionStatus } },
    problems: [...problems, 'not-found'],
  },
} satisfies Record<string, Omit<Route, 'serve'>>;
