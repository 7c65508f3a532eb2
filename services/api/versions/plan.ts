import { formatPosition } from '@recourse/contracts/http';
import type { MigrationPlan } from '@recourse/contracts/http-versions';
import type { SagaVersion } from '@recourse/sagas/machines';
import { whetherMovable } from '@recourse/sagas/migrate';
import type { Context } from '../deps.ts';
import { examined, type Judge, partOf } from './examine.ts';
import { movableGroups, refusedGroups } from './groups.ts';
import { openNow } from './open-now.ts';

/** Which part of the open sagas is looked at; all of them where nothing is said. */
export type Part = { readonly limit?: number | undefined; readonly cursor?: string | undefined };

/** Whether a saga can go on as that version. */
export const judgeFor =
  (to: SagaVersion): Judge =>
  ({ heard, facts }) => {
    const movable = whetherMovable(heard, facts, to);
    return 'refusal' in movable ? movable : { to, state: movable.state };
  };

/**
 * The verdict on moving all open sagas to a version: each is replayed against that version's machine. Nothing is
 * written; a saga may take another step before it is asked to move.
 */
export const planMigration = async (
  context: Pick<Context, 'log' | 'readModels' | 'clock'>,
  to: SagaVersion,
  wanted: Part,
): Promise<MigrationPlan> => {
  const now = await openNow(context);
  const { part, nextCursor } = partOf(now, wanted);
  const canMove = movableGroups();
  const cannotMove = refusedGroups();
  let thereAlready = 0;
  for await (const { sagaId, step, verdict } of examined(context, part, judgeFor(to))) {
    const from = step?.data.machine.version ?? null;
    const state = step?.data.state.value ?? 'accepted';
    if (from === to) thereAlready += 1;
    else if ('refusal' in verdict) cannotMove.add(sagaId, from, state, verdict.refusal);
    else canMove.add(from!, state, verdict.state.value);
  }
  return {
    to,
    position: formatPosition(now.position),
    open: now.sagas.length,
    examined: part.length,
    nextCursor,
    thereAlready,
    canMove: canMove.all(),
    cannotMove: cannotMove.all(),
  };
};
