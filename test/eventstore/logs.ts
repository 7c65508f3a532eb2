import { type EventStoreLimits, type EventStoreLog, openEventStoreLog } from '../../infra/eventstore/log.ts';
import { systemClock } from '../../infra/system.ts';
import { silent } from '../stack/kit.ts';
import { type EventStoreOptions, type FakeEventStore, startEventStore } from './server.ts';

/** A real server to test against, where EVENTSTORE_URL names one. */
export const realUrl = process.env.EVENTSTORE_URL || undefined;

/** Short times between one try and the next. */
const impatient: Partial<EventStoreLimits> = {
  probeEveryMs: 50,
  lookEveryMs: 100,
  subscribeAgainMs: 20,
};

/** What a server that hangs costs in a test of that. */
export const hasty: Partial<EventStoreLimits> = { callMsMax: 1_500 };

/** Servers and logs of one test, gone after `clean`. */
export const eventStores = () => {
  const servers: FakeEventStore[] = [];
  const logs: EventStoreLog[] = [];
  return {
    /** A server that can go wrong. */
    start: async (options: EventStoreOptions = {}): Promise<FakeEventStore> => {
      const server = await startEventStore(options);
      servers.push(server);
      return server;
    },
    /** A log with short times. */
    open: async (
      url: string,
      options: Partial<Parameters<typeof openEventStoreLog>[0]> = {},
    ): Promise<EventStoreLog> => {
      const { limits, ...rest } = options;
      const log = await openEventStoreLog({
        url,
        clock: systemClock,
        logger: silent,
        limits: { ...impatient, ...limits },
        ...rest,
      });
      logs.push(log);
      return log;
    },
    clean: async (): Promise<void> => {
      await Promise.all(logs.splice(0).map((log) => log.close()));
      await Promise.all(servers.splice(0).map((server) => server.stop()));
    },
  };
};
