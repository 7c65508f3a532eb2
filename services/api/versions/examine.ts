import { formatPosition } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import { UnavailableError } from '@recourse/infra/errors';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { readSagaHistory, type SagaHistory } from '@recourse/sagas/history';
import type { SagaState } from '@recourse/sagas/step';
import type { Context } from '../deps.ts';
import type { OpenSaga } from '../projections/open-sagas.ts';
import type { Reason } from './groups.ts';
import type { OpenNow } from './open-now.ts';

/** After so long whatever else there is to do gets its turn. */
const turnMsMax = 20;

/** What was found of one open saga. */
export type Examined = {
  readonly sagaId: OrderId;
  /** Its last step; undefined before its first, or where it cannot be read. */
  readonly step: RecordedEvent<'SagaAdvanced'> | undefined;
  /** The version and the state in which it could go on, or why it cannot. */
  readonly verdict: { readonly to: number; readonly state: SagaState } | { readonly refusal: Reason };
};

/** Where a saga could go, by all that it has heard. */
export type Judge = (history: SagaHistory) => Examined['verdict'];

/** A part of the open sagas: those behind a cursor, so many at most, and the cursor behind them. */
export const partOf = (
  { sagas }: OpenNow,
  {
    cursor,
    limit = sagas.length,
  }: { readonly cursor?: string | undefined; readonly limit?: number | undefined },
): { readonly part: readonly OpenSaga[]; readonly nextCursor: string | null } => {
  const behind = cursor === undefined ? sagas : sagas.filter(({ position }) => position > Number(cursor));
  const part = behind.slice(0, limit);
  const last = part.at(-1);
  return { part, nextCursor: behind.length > part.length && last ? formatPosition(last.position) : null };
};

/**
 * Reads each saga with the bodies of all that it has heard, one after the other, and judges it. Between them other
 * requests get their turn. One that has ended meanwhile is left out; one that cannot be read says so, and the others go
 * on. Rejects with `UnavailableError` where the log cannot be reached.
 */
export async function* examined(
  { log, clock }: Pick<Context, 'log' | 'clock'>,
  sagas: readonly OpenSaga[],
  judge: Judge,
): AsyncGenerator<Examined> {
  let since = clock.monotonic();
  for (const { sagaId } of sagas) {
    if (clock.monotonic() - since > turnMsMax) {
      await new Promise((resolve) => setImmediate(resolve));
      since = clock.monotonic();
    }
    const found = await examine(log, sagaId, judge);
    if (found !== undefined) yield found;
  }
}

const examine = async (log: EventLog, sagaId: OrderId, judge: Judge): Promise<Examined | undefined> => {
  try {
    const history = await readSagaHistory(log, sagaId);
    if (history === undefined || history.last?.data.state.status === 'done') return undefined;
    return { sagaId, step: history.last, verdict: judge(history) };
  } catch (error) {
    if (error instanceof UnavailableError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    return { sagaId, step: undefined, verdict: { refusal: { code: 'unreadable', why } } };
  }
};
