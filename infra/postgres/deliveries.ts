import type { OrderId } from '@recourse/contracts/ids';
import type { Topic } from '@recourse/contracts/registry';
import type { Standing } from '../broker/changes.ts';
import type { ParkedRow } from '../broker/parked-keys.ts';
import type { Message } from '../ports/broker.ts';
import type { Postgres, Sql } from './connect.ts';
import type { Spot, Written } from './delivery-changes.ts';

export type { Spot } from './delivery-changes.ts';

/** A partition of a topic that is a group's member's, and since which claim. */
export type Claim = { readonly topic: Topic; readonly partition: number; readonly epoch: number };

/** Another has claimed the partition since: what was to be written was not. */
export class ClaimLostError extends Error {
  override readonly name = 'ClaimLostError';
  readonly code = 'claim-lost';
}

/** What a person has decided about a dead letter; `id` and `version` name the decision itself. */
export type Decision = Spot & {
  readonly key: OrderId;
  readonly decision: 'redrive' | 'discard';
  readonly id: number;
  readonly version: string;
};

/** The channel on which decisions are told; the payload is the group. */
export const decisionChannel = ({ schema }: Postgres): string => `${schema}_deliveries`;

const placesOf = (places: readonly { readonly topic: Topic; readonly partition: number }[]) =>
  [places.map(({ topic }) => topic), places.map(({ partition }) => partition)] as const;

/** The waiting table of one consumer group in PostgreSQL. Everything rejects as `Postgres.query` does. */
export const groupDeliveries = (postgres: Postgres, group: string) => {
  const { query } = postgres;

  /**
   * Locks our claims for the transaction, in the order in which they are claimed; one that stops in its middle must not
   * keep the next owner waiting for long: the server ends it. Throws `ClaimLostError` unless all still stand.
   */
  const fence = async (sql: Sql, claims: readonly Claim[]): Promise<void> => {
    const held = await sql(
      `select set_config('idle_in_transaction_session_timeout', '3s', true)
       from partition_claim c join unnest($2::text[], $3::int[], $4::bigint[]) as mine(topic, part, epoch)
         on c.topic = mine.topic and c.part = mine.part and c.epoch = mine.epoch
       where c.grp = $1 order by c.topic, c.part for share of c`,
      [group, ...placesOf(claims), claims.map(({ epoch }) => epoch)],
    );
    if (held.length < claims.length)
      throw new ClaimLostError(`${group}: another process has claimed a partition since`);
  };

  return {
    /** Makes partitions ours: whoever had them can write no more. */
    claim: async (
      places: readonly { readonly topic: Topic; readonly partition: number }[],
      owner: string,
    ): Promise<readonly Claim[]> => {
      const rows = await query<{ topic: Topic; part: number; epoch: number }>(
        `insert into partition_claim (grp, topic, part, epoch, owner)
         select $1, topic, part, 1, $4 from unnest($2::text[], $3::int[]) as mine(topic, part) order by topic, part
         on conflict (grp, topic, part)
         do update set epoch = partition_claim.epoch + 1, owner = excluded.owner, claimed_at = now()
         returning topic, part, epoch`,
        [group, ...placesOf(places), owner],
      );
      return rows.map(({ topic, part, epoch }) => ({ topic, partition: part, epoch }));
    },

    /** Notes how many partitions topics have; those that had another number before, with that number. */
    partitionsChanged: async (
      counts: ReadonlyMap<Topic, number>,
    ): Promise<readonly { readonly topic: Topic; readonly before: number }[]> => {
      const values = [[...counts.keys()], [...counts.values()]];
      await query(
        `insert into topic_partitions select topic, n from unnest($1::text[], $2::int[]) as seen(topic, n) order by topic
         on conflict do nothing`,
        values,
      );
      return query(
        `select t.topic, t.partitions as before from topic_partitions t
           join unnest($1::text[], $2::int[]) as seen(topic, n) on t.topic = seen.topic where t.partitions <> seen.n`,
        values,
      );
    },

    /** The parked messages of partitions without their bodies, in the order in which they were parked. */
    parked: async (
      places: readonly { readonly topic: Topic; readonly partition: number }[],
    ): Promise<readonly ParkedRow<Spot>[]> => {
      const rows = await query<HeaderRow>(
        `select topic, part, place, stamp, key, message_id, state, attempts, error, retry_at from parked
           join unnest($2::text[], $3::int[]) as mine(topic, part) using (topic, part)
         where grp = $1 order by id`,
        [group, ...placesOf(places)],
      );
      return rows.map(
        ({ key, message_id: messageId, state, attempts, error, retry_at: retryAt, ...row }) => ({
          key,
          messageId,
          place: spotOf(row),
          standing: { state, attempts, error, retryAt },
        }),
      );
    },

    /** The messages at or after these offsets that were discarded: they must not be handled when they come again. */
    discardedSince: async (
      starts: readonly { readonly topic: Topic; readonly partition: number; readonly offset: number }[],
    ): Promise<readonly Spot[]> => {
      const rows = await query<SpotRow>(
        `select d.topic, d.part, d.place, d.stamp from discarded d
           join unnest($2::text[], $3::int[], $4::bigint[]) as mine(topic, part, place)
             on d.topic = mine.topic and d.part = mine.part and d.place >= mine.place
         where d.grp = $1`,
        [group, ...placesOf(starts), starts.map(({ offset }) => offset)],
      );
      return rows.map(spotOf);
    },

    /** The body of a parked message, if it is there. */
    read: async ({ topic, partition, offset, stamp }: Spot): Promise<Message | undefined> => {
      const [row] = await query<{ message: string }>(
        'select message from parked where grp = $1 and topic = $2 and part = $3 and place = $4 and stamp = $5',
        [group, topic, partition, offset, stamp],
      );
      return row && (JSON.parse(row.message) as Message);
    },

    /** Makes changes durable, all or none, while the claims stand. Rejects with `ClaimLostError` where one does not. */
    write: (claims: readonly Claim[], { parks, stands, removes }: Written): Promise<void> =>
      postgres.transaction(async (sql) => {
        await fence(sql, claims);
        if (parks.length > 0) await sql(insertParked, [group, JSON.stringify(parks)]);
        if (stands.length > 0) await sql(updateParked, [group, JSON.stringify(stands)]);
        if (removes.length > 0) await sql(deleteParked, [group, JSON.stringify(removes)]);
      }),

    /** What was decided about dead letters of these partitions and is not forgotten yet. */
    decisions: async (
      places: readonly { readonly topic: Topic; readonly partition: number }[],
    ): Promise<readonly Decision[]> => {
      const rows = await query<SpotRow & Omit<Decision, keyof Spot>>(
        `select d.id, d.xmin::text as version, d.topic, d.part, d.place, d.stamp, d.key, d.decision from decision d
           join unnest($2::text[], $3::int[]) as mine(topic, part) on d.topic = mine.topic and d.part = mine.part
         where d.grp = $1 order by d.id`,
        [group, ...placesOf(places)],
      );
      return rows.map(({ id, version, key, decision, ...row }) => ({
        ...spotOf(row),
        id,
        version,
        key,
        decision,
      }));
    },

    /**
     * Forgets decisions that were heard; one that was overtaken since is another. Rejects with `ClaimLostError` where a
     * claim does not stand: then they are for somebody else to hear.
     */
    heard: (claims: readonly Claim[], decisions: readonly Decision[]): Promise<void> =>
      postgres.transaction(async (sql) => {
        await fence(sql, claims);
        await sql(
          `delete from decision d using unnest($1::bigint[], $2::text[]) as heard(id, version)
           where d.id = heard.id and d.xmin::text = heard.version`,
          [decisions.map(({ id }) => id), decisions.map(({ version }) => version)],
        );
      }),
  };
};

/** The waiting table of a group. */
export type GroupDeliveries = ReturnType<typeof groupDeliveries>;

type SpotRow = {
  readonly topic: Topic;
  readonly part: number;
  readonly place: number;
  readonly stamp: number;
};
type HeaderRow = SpotRow & {
  readonly key: OrderId;
  readonly message_id: string;
  readonly state: Standing['state'];
  readonly attempts: number;
  readonly error: string | null;
  readonly retry_at: number | null;
};

const spotOf = ({ topic, part, place, stamp }: SpotRow): Spot => ({
  topic,
  partition: part,
  offset: place,
  stamp,
});

const insertParked = `
  insert into parked (grp, topic, part, place, stamp, key, type, message_id, position, state, attempts, error,
    parked_at, retry_at, message)
  select $1, topic, part, place, stamp, key, type, message_id, position, state, attempts, error, parked_at, retry_at,
    message
  from rows from (jsonb_to_recordset($2::jsonb) as (topic text, part int, place bigint, stamp bigint, key text,
    type text, message_id text, position bigint, state text, attempts int, error text, parked_at bigint,
    retry_at bigint, message text)) with ordinality
  order by ordinality
  on conflict (grp, topic, part, place, stamp) do update
  set state = excluded.state, attempts = excluded.attempts, error = excluded.error, retry_at = excluded.retry_at`;

const updateParked = `
  update parked p set state = s.state, attempts = s.attempts, error = s.error, retry_at = s.retry_at
  from jsonb_to_recordset($2::jsonb) as s(topic text, part int, place bigint, stamp bigint, state text, attempts int,
    error text, retry_at bigint)
  where p.grp = $1 and p.topic = s.topic and p.part = s.part and p.place = s.place and p.stamp = s.stamp`;

const deleteParked = `
  delete from parked p using jsonb_to_recordset($2::jsonb) as s(topic text, part int, place bigint, stamp bigint)
  where p.grp = $1 and p.topic = s.topic and p.part = s.part and p.place = s.place and p.stamp = s.stamp`;
