import { pino } from 'pino';
import { openPostgres } from '../../postgres/connect.ts';
import { systemClock } from '../../system.ts';
import { openKafkaBroker } from '../broker.ts';

/**
 * A member of a group in a process of its own, to be killed: says a line of JSON for each message that it begins, and
 * fails on those whose number `failOn` names. `node standalone-member.ts '<JSON>'`.
 */
const asked = JSON.parse(process.argv[2]!) as {
  readonly brokers: string[];
  readonly prefix: string;
  readonly postgresUrl: string;
  readonly failOn: string;
};
const logger = pino({ level: 'silent' });
const settings = {
  url: asked.postgresUrl,
  schema: 'recourse',
  connectionsMax: 2,
  applicationName: 'standalone member',
};
const broker = await openKafkaBroker({
  kafka: { brokers: asked.brokers, clientId: 'standalone' },
  prefix: asked.prefix,
  postgres: openPostgres(settings, { clock: systemClock, logger }),
  clock: systemClock,
  logger,
  checkpointEveryMs: 20,
  quickRetries: 0,
  retryDelaysMs: [60_000],
});
broker.consume({
  group: 'group',
  topics: ['payment.events'],
  handle: async (message) => {
    const number = 'chargeId' in message.data ? message.data.chargeId : '';
    process.stdout.write(`${JSON.stringify({ key: message.key, number })}\n`);
    if (number === asked.failOn) throw new Error('cannot make sense of it');
  },
});
