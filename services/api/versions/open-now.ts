import type { OrderId } from '@recourse/contracts/ids';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Context } from '../deps.ts';
import { bringForward, type OpenSaga, openSagas } from '../projections/open-sagas.ts';

/** How many records are read of the log at once. */
const recordsMax = 1_000;

/** Every saga that was open at a position of the log. */
export type OpenNow = { readonly position: number; readonly sagas: readonly OpenSaga[] };

/**
 * The open sagas at the log's head of this moment, the oldest first: as the read model has them, and what has happened
 * since by the log itself.
 */
export const openNow = async ({
  log,
  readModels,
}: {
  readonly log: EventLog;
  readonly readModels: Pick<Context['readModels'], 'read'>;
}): Promise<OpenNow> => {
  const position = await log.head();
  const known = await readModels.read('sagas', openSagas);
  const open = new Map(known.rows.map((saga) => [saga.sagaId, saga]));
  await follow(log, open, known.position, position);
  return { position, sagas: [...open.values()] };
};

/** Brings the open sagas forward from one position of the log to another. */
const follow = async (log: EventLog, open: Map<OrderId, OpenSaga>, from: number, to: number) => {
  for (let after = from; after < to; ) {
    const records = await log.readAll(after, recordsMax);
    for (const record of records) {
      if (record.position > to) return;
      bringForward(open, record);
    }
    after = records.at(-1)?.position ?? to;
  }
};
