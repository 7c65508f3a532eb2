import { join } from 'node:path';
import { type OpenSaga, openSagas } from '@recourse/api/projections/open-sagas';
import { sagasProjection } from '@recourse/api/projections/sagas';
import type { OrderId } from '@recourse/contracts/ids';
import { UnavailableError, UnknownVersionError } from '@recourse/infra/errors';
import { openSqliteLogReader } from '@recourse/infra/log/reader';
import { projectionReader } from '@recourse/infra/project/read';
import type { LogSource } from '@recourse/infra/project/source';

/** Records read at once. */
const recordsMax = 10_000;

const wanted: ReadonlySet<string> = new Set(['OrderCreated', 'SagaAdvanced']);

/** The sagas that are open, and why the rest of the log, with what may be open there, could not be read. */
type OpenAtStart = { readonly open: readonly OrderId[]; readonly unread?: unknown };

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
      await bringForward(open, source, position);
    } catch (unread) {
      if (unread instanceof UnknownVersionError) throw unread;
      return { open: [...open], unread };
    }
    return { open: [...open] };
  } finally {
    source.close();
  }
};

const bringForward = async (open: Set<OrderId>, source: LogSource, from: number): Promise<void> => {
  for (let after = from; ; ) {
    const stretch = source.read(after, recordsMax, wanted);
    if (stretch === undefined) return;
    for (const { type, correlation, data } of stretch.records) {
      if (type === 'OrderCreated') open.add(correlation as OrderId);
      else if (type === 'SagaAdvanced' && data.state.status === 'done') open.delete(correlation as OrderId);
    }
    after = stretch.place.position;
    await new Promise((resolve) => setImmediate(resolve));
  }
};

/** What the list's file shows; any version of it will do, as all have what is asked for. */
const listed = (dataDir: string, source: LogSource): { open: Set<OrderId>; position: number } => {
  const nothing = { open: new Set<OrderId>(), position: 0 };
  const anyVersion = { ...sagasProjection, tables: {} };
  const reader = projectionReader(join(dataDir, 'read-models'), anyVersion, () => 0);
  try {
    const { rows, position } = reader.read((query) => ({
      sagas: openSagas(query),
      place: query<{ id: string }>('select id from checkpoint')[0]?.id,
    }));
    if (position === 0 || source.idAt(position) !== rows.place) return nothing;
    return { open: new Set(rows.sagas.map(({ sagaId }: OpenSaga) => sagaId)), position };
  } catch (error) {
    if (error instanceof UnavailableError) return nothing;
    throw error;
  } finally {
    reader.close();
  }
};
