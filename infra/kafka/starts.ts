import type { Topic } from '@recourse/contracts/registry';
import type { Logger } from 'pino';
import { StartError } from '../errors.ts';
import type { GroupDeliveries } from '../postgres/deliveries.ts';
import type { OffsetReader, Standing } from './offsets.ts';

/** Where a group goes on in a partition: where it was, else with the first message that is there. */
export const startOf = (
  group: string,
  { topic, partition, committed, low, high }: Standing,
  logger: Logger,
): { readonly topic: Topic; readonly partition: number; readonly offset: number } => {
  const missed = committed !== undefined && (committed < low || committed > high);
  if (missed)
    logger.error(
      { group, topic, partition, committed, first: low, end: high },
      'messages are gone before they were handled: going on with the first that is there',
    );
  return { topic, partition, offset: committed === undefined || missed ? low : committed };
};

type Looking = {
  readonly group: string;
  readonly topics: readonly Topic[];
  readonly offsets: OffsetReader;
  readonly deliveries: GroupDeliveries;
};

/** Throws `StartError` where a topic has another number of partitions than ever before: keys would have moved. */
export const refuseOtherPartitions = async ({
  group,
  topics,
  offsets,
  deliveries,
}: Looking): Promise<void> => {
  const counts = await offsets.partitions(topics);
  const [changed] = await deliveries.partitionsChanged(counts);
  if (changed === undefined && new Set(counts.values()).size <= 1) return;
  const each = [...counts].map(([topic, partitions]) => `${topic} ${partitions}`).join(', ');
  const what =
    changed === undefined
      ? `the topics of ${group} have different numbers of partitions (${each})`
      : `${changed.topic} had ${changed.before} partitions and has ${counts.get(changed.topic)} now`;
  throw new StartError(
    'kafka-partitions',
    `Kafka: ${what}. Orders would be in other partitions than their earlier messages: give every topic the number that it had.`,
  );
};
