import { messagesOf } from '../broker/messages.ts';
import { hashOf } from '../kafka/partition.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { Postgres } from '../postgres/connect.ts';
import { leaseChannel } from '../postgres/lease-rows.ts';
import { relayCheckpoints } from './checkpoints.ts';

/** What relays publish again, of those that share the orders in so many shards. */
export type Republished = {
  /** By shard: up to where its records had been published. */
  readonly before: readonly number[];
  /** Whether any checkpoint stood behind the position: where none did, nothing is published again. */
  readonly moved: boolean;
};

/** What lies in the log between a position and where relays had got. */
export type Counted = { readonly records: number; readonly messages: number };

const relays = `like 'relay-%'`;
const batchMax = 500;

/** Nobody takes or renews a lease meanwhile, and no row of one is made. */
const lockSql = 'lock table lease in share row exclusive mode';

const takeBackSql = `
update lease set owner = null, epoch = epoch + 1, until = now() where name in (
  select name from lease where kind ${relays} order by name for update
)`;

const moveBackSql = `update relay_checkpoint set position = $1 where position > $1 returning 1`;

const tellSql = `select pg_notify($1, kind) from (select distinct kind from lease where kind ${relays}) as kinds`;

/**
 * Moves the checkpoints of all relays back, so that everything behind a position is published again, while they run:
 * in the same transaction their leases are taken from them, so that none writes down afterwards how far it had got. They
 * hear of it, compete again, and begin at the position. What groups have handled already they know by `sequence`.
 */
export const republishAfter = (postgres: Postgres, position: number, shards: number): Promise<Republished> =>
  postgres.transaction(async (query) => {
    await query(lockSql);
    const before = await placesOf({ ...postgres, query }, shards);
    // First the leases, as who checkpoints does: a relay that is about to write is waited for, and refused afterwards.
    await query(takeBackSql);
    const moved = (await query(moveBackSql, [position])).length > 0;
    await query(tellSql, [leaseChannel(postgres)]);
    return { before, moved };
  });

/** How far each shard has been published. */
export const placesOf = async (postgres: Postgres, shards: number): Promise<readonly number[]> => {
  const checkpoints = relayCheckpoints(postgres, shards);
  const places: number[] = [];
  for (let shard = 0; shard < shards; shard += 1) places.push(await checkpoints.load(shard));
  return places;
};

/** Counts what lies behind a position, up to where each shard had been published. Reads the log. */
export const countBetween = async (
  log: Pick<EventLog, 'readAll'>,
  position: number,
  before: readonly number[],
  onRead: (position: number, of: number) => void = () => {},
): Promise<Counted> => {
  const end = Math.max(...before);
  let [records, messages, at] = [0, 0, position];
  while (at < end) {
    const read = await log.readAll(at, batchMax);
    if (read.length === 0) break;
    for (const record of read) {
      at = record.position;
      if (at > before[hashOf(record.correlation) % before.length]!) continue;
      const count = messagesOf(record, everything).filter((message) => message !== undefined).length;
      messages += count;
      if (count > 0) records += 1;
    }
    onRead(Math.min(at, end), end);
  }
  return { records, messages };
};

const everything = { has: () => true };
