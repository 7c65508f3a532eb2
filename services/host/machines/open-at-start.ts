import { join } from 'node:path';
import { bringForward, type OpenSaga, openSagas } from '@recourse/api/projections/open-sagas';
import { sagasProjection } from '@recourse/api/projections/sagas';
import type { OrderId } from '@recourse/contracts/ids';
import { UnavailableError, UnknownVersionError } from '@recourse/infra/errors';
import { openSqliteLogReader } from '@recourse/infra/log/reader';
import { projectionReader } from '@recourse/infra/project/read';
import { answered } from '@recourse/infra/project/select';
import type { LogSource } from '@recourse/infra/project/source';

/** Records read at once. */
const recordsMax = 10_000;

const wanted: ReadonlySet<string> = new Set(['OrderCreated', 'SagaAdvanced']);

/** The sagas that are open, and why the rest of the log, with what may be open there, could not be read. */
export type OpenAtStart = { readonly open: readonly OrderId[]; readonly unread?: unknown };

/**
 * The sagas that are open in a data folder, before anything runs in it: from the list of sagas as its file shows it,
 * brought forward by the end of the log; where there is no such file, or it is not of this log, from the whole log.
 * Between two stretches of it whoever asks whether it lives gets an answer.
 */
export const openAtStart = async (dataDir: string): Promise<OpenAtStart> => {
  const source = openSqliteLogReader(join(dataDir, 'log.db'));
  try {
    const { open, position } = listed(dataDir, source);
    try {
      await readOn(open, source, position);
    } catch (unread) {
      if (unread instanceof UnknownVersionError) throw unread;
      return { open: [...open.keys()], unread };
    }
    return { open: [...open.keys()] };
  } finally {
    source.close();
  }
};

const readOn = async (open: Map<OrderId, OpenSaga>, source: LogSource, from: number): Promise<void> => {
  for (let after = from; ; ) {
    const stretch = source.read(after, recordsMax, wanted);
    if (stretch === undefined) return;
    for (const record of stretch.records) bringForward(open, record);
    after = stretch.place.position;
    await new Promise((resolve) => setImmediate(resolve));
  }
};

/** What the list's file shows; any version of it will do, as all have what is asked for. */
const listed = (dataDir: string, source: LogSource): { open: Map<OrderId, OpenSaga>; position: number } => {
  const nothing = { open: new Map<OrderId, OpenSaga>(), position: 0 };
  const reader = projectionReader(join(dataDir, 'read-models'), sagasProjection, () => 0);
  try {
    const { rows, position } = reader.read((query) => ({
      sagas: answered(query, openSagas()),
      place: query<{ id: string }>('select id from checkpoint')[0]?.id,
    }));
    if (position === 0 || source.idAt(position) !== rows.place) return nothing;
    return { open: new Map(rows.sagas.map((saga) => [saga.sagaId, saga])), position };
  } catch (error) {
    if (error instanceof UnavailableError) return nothing;
    throw error;
  } finally {
    reader.close();
  }
};
