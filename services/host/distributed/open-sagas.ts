import type { ReadModelsApi } from '@recourse/api/deps';
import { openNow } from '@recourse/api/versions/open-now';
import { UnavailableError, UnknownVersionError } from '@recourse/infra/errors';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { OpenAtStart } from '../machines/open-at-start.ts';

/** A list of sagas that shows nothing yet: then the log alone tells. */
const nothingListed: ReadModelsApi['read'] = async () => ({ rows: [] as never, position: 0 });

/** The sagas that are open now, by the list of sagas and the log behind it. */
export const openInLog = async (
  log: EventLog,
  readModels: Pick<ReadModelsApi, 'read'>,
): Promise<OpenAtStart> => {
  const read: ReadModelsApi['read'] = async (name, queries) => {
    try {
      return await readModels.read(name, queries);
    } catch (error) {
      if (error instanceof UnavailableError) return nothingListed(name, queries);
      throw error;
    }
  };
  try {
    const { sagas } = await openNow({ log, readModels: { read } });
    return { open: sagas.map(({ sagaId }) => sagaId) };
  } catch (unread) {
    if (unread instanceof UnknownVersionError || unread instanceof UnavailableError) throw unread;
    return { open: [], unread };
  }
};
