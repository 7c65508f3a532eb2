import { StartError } from '@recourse/infra/errors';
import { offsetReader } from '@recourse/infra/kafka/offsets';
import type { ConsumerGroup } from '@recourse/infra/ports/broker';
import type { Sql } from '@recourse/infra/postgres/connect';
import type { Ground } from '../distributed/ground.ts';
import { simulatedTables } from './books.ts';

/** How many topics a refusal names. */
const namedMax = 4;

/** Refuses a target on which processes of an installation run: the `StartError` `move-target-in-use`. */
export const refuseRunning = async ({ postgres, reach }: Ground): Promise<void> => {
  const [running] = await postgres.query<{ owner: string }>(
    'select owner from lease_competitor where until > now() limit 1',
  );
  if (running === undefined) return;
  throw new StartError(
    'move-target-in-use',
    `A process of an installation runs on ${reach.postgresAt}, schema ${postgres.schema} (${running.owner}): stop it, and try again 10 s later.`,
  );
};

/**
 * Refuses topics that have held messages, and groups that have offsets in theirs: the `StartError` `move-target-published`.
 * `old`: the names of the topics that were not just made. Rejects with `UnavailableError` where Kafka cannot say it now.
 */
export const refuseMessages = async (
  ground: Ground,
  old: ReadonlySet<string>,
  groups: readonly Pick<ConsumerGroup, 'group' | 'topics'>[],
): Promise<void> => {
  const { reach, config, clock, logger } = ground;
  const { kafkaTopicPrefix: prefix } = config;
  const offsets = offsetReader(reach.kafka, prefix, clock, logger);
  const used = new Set<string>();
  try {
    for (const { group, topics } of groups) {
      const asked = topics.filter((topic) => old.has(prefix + topic));
      const standings = asked.length === 0 ? [] : await offsets.standing(group, asked);
      for (const { topic, high, committed } of standings) {
        if (high > 0) used.add(`${prefix}${topic} has held messages`);
        if (committed !== undefined) used.add(`${prefix}${group} has offsets in ${prefix}${topic}`);
      }
    }
  } finally {
    await offsets.close();
  }
  if (used.size > 0) throw published([...used]);
};

const published = (used: readonly string[]): StartError => {
  const more = used.length > namedMax ? `, and ${used.length - namedMax} more` : '';
  return new StartError(
    'move-target-published',
    `An installation that is moved begins with new topics and groups, and these are not: ${used.slice(0, namedMax).join(', ')}${more}. ` +
      'Name another KAFKA_TOPIC_PREFIX, or delete these topics and groups.',
  );
};

/**
 * Refuses a target whose log holds nothing yet and whose tables hold something: it is another installation's. Throws the
 * `StartError` `move-target-used`.
 */
export const refuseOthersRows = async (query: Sql): Promise<void> => {
  for (const table of ['parked', 'discarded', 'timer', ...simulatedTables]) {
    const [row] = await query(`select 1 from ${table} limit 1`);
    if (row !== undefined)
      throw new StartError(
        'move-target-used',
        `The log of the target is empty, and its table ${table} is not: it is of another installation. Name an empty POSTGRES_SCHEMA.`,
      );
  }
  await refusePublished(query, 0);
};

/** Refuses a target of which a relay has published something beyond a position. Throws `move-target-published`. */
export const refusePublished = async (query: Sql, upTo: number): Promise<void> => {
  const [row] = await query<{ position: number }>(
    'select position from relay_checkpoint where position > $1 limit 1',
    [upTo],
  );
  if (row !== undefined)
    throw published([`the log, of which a relay has published everything up to position ${row.position}`]);
};
