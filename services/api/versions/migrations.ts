import type { Migration } from '@recourse/contracts/http-versions';
import type { OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { sleep } from '@recourse/infra/ports/clock';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { knownVersion, type SagaVersion } from '@recourse/sagas/machines';
import { migrationRequested, whereBack } from '@recourse/sagas/migrate';
import { requestMigration } from '@recourse/sagas/request-migration';
import type { Context } from '../deps.ts';
import { examined, type Judge, partOf } from './examine.ts';
import { movableGroups, refusedGroups } from './groups.ts';
import { openNow } from './open-now.ts';
import { judgeFor, type Part } from './plan.ts';

/** What a batch is asked with. */
export type Batch = Part & { readonly note?: string | undefined };

type Needed = Pick<Context, 'log' | 'readModels' | 'clock'>;

/** A wish that stands in the log: of which step, and where it would lead. */
type Wish = {
  readonly sagaId: OrderId;
  readonly step: RecordedEvent<'SagaAdvanced'>;
  readonly to: number;
  readonly state: string;
};

/** Open sagas looked at by one call, unless it says otherwise. */
const batchDefault = 500;

/** How soon one looks whether the orchestrator has heard the wishes, then ever more rarely, and how long in all. */
const lookAfterMs = 10;
const lookAfterMsMax = 500;
const heardMsMax = 15_000;

/** Asks the next batch of open sagas to go on as that version, those that can. */
export const migrate = (context: Needed, to: SagaVersion, batch: Batch): Promise<Migration> =>
  moveBatch(context, batch, judgeFor(to));

/** Puts the next batch back: those whose last step is a migration. The others are none of its business. */
export const undoMigrations = (context: Needed, batch: Batch): Promise<Migration> =>
  moveBatch(context, batch, ({ heard }) => {
    const back = whereBack(heard);
    if (back === undefined) return notAsked;
    return { to: knownVersion(back.to), state: back.state };
  });

/** No part of what is asked: neither moved, nor counted as what cannot. */
const notAsked = { refusal: { code: 'there-already', why: '' } } as const;

const moveBatch = async (
  context: Needed,
  { note, cursor, limit = batchDefault }: Batch,
  judge: Judge,
): Promise<Migration> => {
  const now = await openNow(context);
  const { part, nextCursor } = partOf(now, { cursor, limit });
  const cannotMove = refusedGroups();
  const wishes: Wish[] = [];
  for await (const { sagaId, step, verdict } of examined(context, part, judge)) {
    if (step !== undefined && 'to' in verdict)
      wishes.push({ sagaId, step, to: verdict.to, state: verdict.state.value });
    else if ('refusal' in verdict && verdict.refusal.code !== notAsked.refusal.code)
      cannotMove.add(
        sagaId,
        step?.data.machine.version ?? null,
        step?.data.state.value ?? 'accepted',
        verdict.refusal,
      );
  }
  await Promise.all(
    wishes.map(({ sagaId, step, to }) => requestMigration(context.log, { orderId: sagaId, step, to, note })),
  );
  const { moved, movedOn, pending } = await outcomes(context, wishes);
  return {
    open: now.sagas.length,
    examined: part.length,
    nextCursor,
    moved,
    movedOn,
    pending,
    cannotMove: cannotMove.all(),
  };
};

/** Waits until every saga that was asked has taken a step, which is its migration or another one. */
const outcomes = async ({ log, clock }: Needed, wishes: readonly Wish[]) => {
  const moved = movableGroups();
  let movedOn = 0;
  let open = wishes;
  const until = clock.monotonic() + heardMsMax;
  for (let pauseMs = lookAfterMs; open.length > 0 && clock.monotonic() < until; pauseMs *= 2) {
    if (open !== wishes) await sleep(clock, Math.min(pauseMs, lookAfterMsMax));
    const unheard: Wish[] = [];
    for (const wish of open) {
      const next = { from: wish.step.revision + 1, max: 1 };
      const [step] = await log.readStream(orderStream('saga', wish.sagaId), next);
      if (step?.type !== 'SagaAdvanced') unheard.push(wish);
      else if (step.data.input.type !== migrationRequested) movedOn += 1;
      else moved.add(wish.step.data.machine.version, wish.step.data.state.value, wish.state);
    }
    open = unheard;
  }
  return { moved: moved.all(), movedOn, pending: open.length };
};
