import { formatPosition } from '@recourse/contracts/http';
import {
  Migration,
  MigrationPlan,
  MigrationPlanQuery,
  MigrationRequest,
  MigrationUndoRequest,
  SagaVersions,
} from '@recourse/contracts/http-versions';
import { isKnownVersion, type SagaVersion, sagaVersions } from '@recourse/sagas/machines';
import { newOrdersDefault } from '@recourse/sagas/ramp';
import { readJson } from '../body.ts';
import type { Context } from '../deps.ts';
import { ProblemError } from '../problem.ts';
import { openSagasByVersion } from '../projections/sagas-list.ts';
import { type Route, sendJson } from '../route.ts';
import { valid } from '../validate.ts';
import { migrate, undoMigrations } from '../versions/migrations.ts';
import { planMigration } from '../versions/plan.ts';

/** Versions of the saga: which run, what a migration would do, the migration, and its undoing. */
export const versionRoutes = (context: Context): readonly Route[] => {
  const { readModels, limits, logger, newOrders = newOrdersDefault } = context;

  return [
    {
      ...documented.list,
      serve: async (_req, res) => {
        const { rows, position } = await openSagasByVersion(readModels.read);
        const versions: SagaVersions = {
          position: formatPosition(position),
          known: [...sagaVersions],
          newOrders,
          items: rows.map(({ version, state, count }) => ({ version, state, count })),
        };
        sendJson(res, 200, versions);
      },
    },
    {
      ...documented.plan,
      serve: async (req, res) => {
        const { to, ...part } = valid(MigrationPlanQuery, req.query);
        sendJson(res, 200, await planMigration(context, versionOf(to), part));
      },
    },
    {
      ...documented.migrate,
      serve: async (req, res) => {
        const body = valid(MigrationRequest, await readJson(req, limits.bodyBytesMax));
        const to = versionOf(body.to);
        const { batch: limit, note, cursor } = body;
        const done = await migrate(context, to, { limit, note, cursor });
        logger.info({ to, note, ...counts(done) }, 'sagas were asked to move to another version');
        sendJson(res, 200, done);
      },
    },
    {
      ...documented.undo,
      serve: async (req, res) => {
        const body = await readJson(req, limits.bodyBytesMax, { optional: true });
        const { batch: limit, note, cursor } = valid(MigrationUndoRequest, body);
        const done = await undoMigrations(context, { limit, note, cursor });
        logger.info({ note, ...counts(done) }, 'migrations of sagas were undone');
        sendJson(res, 200, done);
      },
    },
  ];
};

const versionOf = (to: number): SagaVersion => {
  if (isKnownVersion(to)) return to;
  throw new ProblemError(
    'unknown-version',
    `There is no version ${to}: there are ${sagaVersions.join(', ')}.`,
  );
};

const counts = ({ moved, movedOn, pending }: Migration) => ({
  moved: moved.reduce((sum, { count }) => sum + count, 0),
  movedOn,
  pending,
});

const asked = [
  'malformed-json',
  'invalid-request',
  'body-too-large',
  'unsupported-media-type',
  'unavailable',
  'read-only',
  'stopping',
] as const;

const documented = {
  list: {
    method: 'get',
    path: '/versions',
    operationId: 'listVersions',
    tag: 'Sagas',
    summary: 'Counts open sagas by version of the machine and by state',
    description: 'From a read model: `position` says how far it has come.',
    responses: { 200: { description: 'The versions.', schema: SagaVersions } },
    problems: ['unavailable'],
  },
  plan: {
    method: 'get',
    path: '/versions/plan',
    operationId: 'planMigration',
    tag: 'Sagas',
    summary: 'Says which open sagas could go on as another version',
    description:
      'Replays what each open saga has heard against the machine of that version: it can move where that version would ' +
      'wait for the same command and the same timers. Touches nothing.',
    query: MigrationPlanQuery,
    responses: { 200: { description: 'The verdict.', schema: MigrationPlan } },
    problems: ['invalid-request', 'unknown-version', 'unavailable'],
  },
  migrate: {
    method: 'post',
    path: '/versions/migrations',
    operationId: 'migrateSagas',
    tag: 'Sagas',
    summary: 'Moves open sagas to another version, a batch of them',
    description:
      'Each wish stands in the log, with the note, and is checked again when the saga hears it; one that has taken ' +
      'another step meanwhile stays as it is. Asked again, it goes on.',
    body: { schema: MigrationRequest, required: true },
    responses: { 200: { description: 'What came of the batch.', schema: Migration } },
    problems: [...asked, 'unknown-version'],
  },
  undo: {
    method: 'post',
    path: '/versions/migrations/undo',
    operationId: 'undoMigrations',
    tag: 'Sagas',
    summary: 'Puts back sagas whose last step is a migration, a batch of them',
    body: { schema: MigrationUndoRequest, required: false },
    responses: { 200: { description: 'What came of the batch.', schema: Migration } },
    problems: asked,
  },
} satisfies Record<string, Omit<Route, 'serve'>>;
