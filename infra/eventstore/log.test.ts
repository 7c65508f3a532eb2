import { afterAll, beforeAll, describe } from '@jest/globals';
import { eventLogContract } from '../../test/contract/event-log.ts';
import { realUrl } from '../../test/eventstore/logs.ts';
import { type FakeEventStore, startEventStore } from '../../test/eventstore/server.ts';
import { serverTable } from '../../test/eventstore/table.ts';
import { silent } from '../../test/stack/kit.ts';
import { systemClock } from '../system.ts';
import { type EventStoreLimits, openEventStoreLog } from './log.ts';

/** On a real server where EVENTSTORE_URL names one; one file, so that nobody else writes there meanwhile. */
describe(`on ${realUrl === undefined ? 'a server of our own' : 'EVENTSTORE_URL'}`, () => {
  let server: FakeEventStore | undefined;
  beforeAll(async () => {
    if (realUrl === undefined) server = await startEventStore();
  });
  afterAll(() => server?.stop());

  describe('the server', () => serverTable(() => realUrl ?? server!.url));

  const opening = (limits: Partial<EventStoreLimits>) => async () => {
    const url = realUrl ?? server!.url;
    const log = await openEventStoreLog({ url, clock: systemClock, logger: silent, limits });
    return { log, shared: true, clean: async () => {} };
  };
  eventLogContract('the event log on EventStoreDB', opening({}));
  eventLogContract(
    'the event log on EventStoreDB, with hardly any memory, in small pieces',
    opening({ recentMax: 2, readEventsMax: 7, appendsInFlightMax: 1 }),
  );
});
