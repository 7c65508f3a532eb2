import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import { asyncApiPath, serveAsyncApi } from './asyncapi.ts';
import { backupRoute } from './backup/route.ts';
import { type ApiDeps, type Context, limitsOf } from './deps.ts';
import { docsPaths, serveDocs } from './docs-page.ts';
import { openApiOf } from './openapi.ts';
import { notFound, ProblemError, problemAnswer, problemOf } from './problem.ts';
import { type Route, sendJson } from './route.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { exportRoutes } from './routes/export.ts';
import { inventoryRoutes } from './routes/inventory.ts';
import { operationRoutes } from './routes/operations.ts';
import { orderRoutes } from './routes/orders.ts';
import { poisonRoutes } from './routes/poison.ts';
import { projectionRowsRoute } from './routes/projection-rows.ts';
import { projectionRoutes } from './routes/projections.ts';
import { sagaRoutes } from './routes/sagas.ts';
import { verificationRoutes } from './routes/verifications.ts';
import { versionRoutes } from './routes/versions.ts';

/**
 * The HTTP API. Give it to `http.createServer`; it starts nothing and closes nothing. Everything it serves stands in
 * one table of routes, of which `/openapi.json` is made, too.
 */
export const createApi = (deps: ApiDeps): Express => {
  const context: Context = { ...deps, limits: limitsOf(deps.limits) };
  const routes = routesOf(context);
  feedMetrics(context);
  return appOf(context, routes, (app) => {
    addDocument(app, routes);
    serveAsyncApi(app, context.topicPrefix);
    serveDocs(app);
    for (const path of ['/openapi.json', asyncApiPath, ...docsPaths])
      app.all(path, refuseMethod('GET, HEAD'));
  });
};

/** What every answer needs, whatever it is about. */
type Answering = Pick<Context, 'stopping' | 'logger'>;

/** An app that serves these routes, and what `add` adds to it; everything else is answered with a problem. */
export const appOf = (
  context: Answering,
  routes: readonly Route[],
  add: (app: Express) => void = () => {},
): Express => {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', 'simple');
  addRoutes(app, context, routes);
  add(app);
  app.use((req, _res, next) => next(notFound(req.path)));
  app.use(answerError(context));
  return app;
};

/** Every call of the API, the hot one first. */
const routesOf = (context: Context): readonly Route[] => [
  ...orderRoutes(context),
  ...sagaRoutes(context),
  ...versionRoutes(context),
  ...exportRoutes(context),
  ...inventoryRoutes(context),
  ...deadLetterRoutes(context),
  ...poisonRoutes(context),
  ...projectionRoutes(context),
  projectionRowsRoute(context),
  ...operationRoutes(context),
  backupRoute(context),
  ...verificationRoutes(context),
];

const feedMetrics = ({ metrics, readModels, live, lag, deadLetters, poison }: Context): void =>
  metrics.readFrom({
    ordersByState: async () => {
      const { open, cancelling, completed, cancelled } = await readModels.counts();
      return { open: open - cancelling, cancelling, completed, cancelled };
    },
    openOrders: live.openOrders,
    lag,
    parked: deadLetters.counts,
    ...(poison && { poison: poison.count }),
    watching: live.counts,
  });

const addRoutes = (app: Express, context: Answering, routes: readonly Route[]): void => {
  const byPath = Map.groupBy(routes, ({ path }) => path);
  for (const [path, served] of byPath) {
    const at = app.route(path);
    for (const route of served) at[route.method](handlerOf(context, route));
    at.all(refuseMethod(served.flatMap(({ method }) => allowed[method]).join(', ')));
  }
};

const allowed = { get: ['GET', 'HEAD'], post: ['POST'] } as const;

/** While the process stops, what would begin something new is refused; `POST /orders` says so itself, after known keys. */
const handlerOf = ({ stopping }: Answering, { method, operationId, serve }: Route): RequestHandler => {
  const refuses = method === 'post' && operationId !== 'createOrder';
  return (req, res) => {
    if (stopping()) {
      res.setHeader('Connection', 'close');
      if (refuses) throw new ProblemError('stopping', 'The service is stopping.');
    }
    return serve(req, res);
  };
};

const refuseMethod =
  (allow: string): RequestHandler =>
  (req, res) => {
    if (req.method === 'OPTIONS') {
      res.writeHead(204, { Allow: allow }).end();
      return;
    }
    throw new ProblemError('method-not-allowed', `It takes ${allow}.`, { headers: { Allow: allow } });
  };

/** The document never changes: it is written once, when it is first asked for. */
const addDocument = (app: Express, routes: readonly Route[]): void => {
  let document: ReturnType<typeof openApiOf> | undefined;
  app.get('/openapi.json', (_req, res) => {
    document ??= openApiOf(routes);
    sendJson(res, 200, document);
  });
};

/** The one place where errors become answers. */
const answerError =
  ({ logger }: Answering): ErrorRequestHandler =>
  (error, req, res, _next) => {
    const problem = problemOf(error);
    const { status, headers, body } = problemAnswer(problem, req.path);
    if (status >= 500) {
      const level = problem.code === 'internal' ? 'error' : 'debug';
      logger[level]({ err: error, method: req.method, path: req.path }, problem.message);
    }
    // Half an answer cannot be taken back: the caller sees that it broke off.
    if (res.headersSent) return void res.destroy();
    sendJson(res, status, body, { ...headers, 'Content-Type': 'application/problem+json' });
  };
