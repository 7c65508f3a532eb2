import pino from 'pino';
import { openEventStoreLog } from '../../infra/eventstore/log.ts';
import { noStream } from '../../infra/ports/event-log.ts';
import { systemClock } from '../../infra/system.ts';
import { freshStream, someEvents } from '../contract/event-log/events.ts';
import { startEventStore } from './server.ts';

/**
 * A process of its own: it appends more than a frozen server takes, then every connection breaks. Says what became of
 * the appends, and of the same ones made again; it ends by itself unless somebody's rejection ends it first.
 */
const logger = pino({ level: 'silent' });
const server = await startEventStore();
const log = await openEventStoreLog({
  url: server.url,
  clock: systemClock,
  logger,
  limits: { callMsMax: 10_000 },
});
await log.append(freshStream(), noStream, someEvents(1));

const appends = Array.from({ length: 200 }, () => {
  const [stream, events] = [
    freshStream(),
    someEvents(5).map((it) => ({ ...it, data: { note: 'n'.repeat(1_900) } })),
  ];
  return () => log.append(stream, noStream, events as never);
});
const statesOf = async (all: Promise<unknown>[]) => {
  const states = (await Promise.allSettled(all)).map((it) =>
    it.status === 'rejected' ? (it.reason as Error).name : it.status,
  );
  return [...new Set(states)];
};

server.freeze();
const first = statesOf(appends.map((append) => append()));
await new Promise((resolve) => setTimeout(resolve, 200));
server.cut();
server.thaw();
const broken = await first;
const again = await statesOf(appends.map((append) => append()));
await log.close();
await server.stop();
process.stdout.write(JSON.stringify({ broken, again }));
