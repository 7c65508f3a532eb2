import { formatPosition, rfc3339, type SagaList, type SagaListQuery } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import { type Reads, type Shown, select } from '@recourse/infra/project/select';
import type { ReadProjection } from './open-sagas.ts';
import { allOf, type Conditions, pageOf, stretchOf, where } from './page.ts';
import type { SagaRow } from './sagas.ts';

/** What decides, besides its rows, which sagas are stuck. Milliseconds. */
export type StuckWhen = {
  /** Since 1970. */
  readonly now: number;
  /** The deadline of a saga that has not taken its first step, from its order's creation on. */
  readonly deadlineMs: number;
  /** How long past its deadline an open saga is stuck. */
  readonly stuckAfterMs: number;
  /** Orders with dead letters. */
  readonly deadLetterKeys: readonly string[];
};

type Stored = Omit<SagaRow, 'flags' | 'machine'> & { readonly flags: string };

const shownColumns = [
  'position',
  'sagaId',
  'state',
  'because',
  'flags',
  'lateAnswer',
  'waitsFor',
  'startedAt',
  'updatedAt',
  'deadline',
  'endedAt',
] as const satisfies readonly (keyof Stored)[];

const stuckSql = `endedAt is null
  and (coalesce(deadline, startedAt + ?) < ? or sagaId in (select value from json_items(?)))`;

const stuckIs = (stuck: boolean | undefined, when: StuckWhen): Conditions =>
  stuck === undefined
    ? where('true')
    : where(
        // What is stuck is open: few, in an index of their own.
        stuck ? stuckSql : `not (${stuckSql})`,
        when.deadlineMs,
        when.now - when.stuckAfterMs,
        JSON.stringify(when.deadLetterKeys),
      );

const summaryOf = (row: Stored, when: StuckWhen, dead: ReadonlySet<string>): SagaList['items'][number] => {
  const deadline = row.deadline ?? row.startedAt + when.deadlineMs;
  const open = row.endedAt === null;
  const overdue = open && when.now > deadline + when.stuckAfterMs;
  const hasDeadLetter = dead.has(row.sagaId);
  const flags = JSON.parse(row.flags) as string[];
  if (overdue) flags.push('overdue');
  if (hasDeadLetter) flags.push('dead-letter');
  if (row.lateAnswer === 1 && !flags.includes('late-answer')) flags.push('late-answer');
  return {
    sagaId: row.sagaId as OrderId,
    state: row.state,
    because: row.because,
    stuck: overdue || (open && hasDeadLetter),
    flags,
    waitsFor: row.waitsFor,
    startedAt: rfc3339(row.startedAt),
    updatedAt: rfc3339(row.updatedAt),
    deadline: rfc3339(deadline),
    endedAt: row.endedAt === null ? null : rfc3339(row.endedAt),
  };
};

/** One page of `GET /sagas`. Rejects with a `ProblemError` on a bad cursor. */
export const listSagas = async (
  read: ReadProjection,
  asked: SagaListQuery,
  when: StuckWhen,
): Promise<SagaList> => {
  const { rows: page, position } = await read('sagas', () => sagasPage(asked, when));
  const dead = new Set(when.deadLetterKeys);
  return {
    items: page.rows.map((row) => summaryOf(row, when, dead)),
    nextCursor: page.nextCursor,
    position: formatPosition(position),
  };
};

function* sagasPage(asked: SagaListQuery, when: StuckWhen) {
  const conditions = allOf(
    yield* stretchOf('sagas', 'startedAt', asked),
    where('state = ?', asked.state),
    stuckIs(asked.stuck, when),
  );
  return yield* pageOf<Stored>('sagas', shownColumns, conditions, asked.limit);
}

/** How many open sagas stand in a state, by the version of the machine that they run on; null before their first step. */
export type OpenSagas = {
  readonly version: number | null;
  readonly state: SagaRow['state'];
  readonly count: number;
};

/** The open sagas by version and state, the oldest version first. Reads the open ones only. */
export const openSagasByVersion = (read: ReadProjection): Promise<Shown<readonly OpenSagas[]>> =>
  read('sagas', byVersion);

const byVersion = (): Reads<readonly OpenSagas[]> =>
  select<OpenSagas>(
    `select machine as version, state, count(*) as count from sagas
     where endedAt is null group by machine, state order by coalesce(machine, 0), state`,
  );

/** A page of open sagas of one version, newest first, and the position of the log that it shows. */
export type OpenSagaPage = {
  readonly ids: readonly OrderId[];
  readonly nextCursor: string | null;
  readonly position: number;
};

/** The ids of the open sagas of a version (null: those before their first step). Rejects with a `ProblemError` on a bad cursor. */
export const openSagasOf = async (
  read: ReadProjection,
  version: number | null,
  part: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<OpenSagaPage> => {
  const { rows: page, position } = await read('sagas', () => openPage(version, part));
  return { ids: page.rows.map((row) => row.sagaId as OrderId), nextCursor: page.nextCursor, position };
};

function* openPage(
  version: number | null,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
) {
  const conditions = allOf(
    where('endedAt is null'),
    version === null ? where('machine is null') : where('machine = ?', version),
    yield* stretchOf('sagas', 'startedAt', { cursor }),
  );
  return yield* pageOf<Pick<Stored, 'position' | 'sagaId'>>(
    'sagas',
    ['position', 'sagaId'],
    conditions,
    limit,
  );
}
