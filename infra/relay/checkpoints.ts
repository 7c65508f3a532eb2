import type { Lease } from '../ports/leases.ts';
import type { Postgres } from '../postgres/connect.ts';
import { fencedBy } from '../postgres/leases.ts';

/** How far a shard has been published, under which lease. */
export type Moved = { readonly shard: number; readonly position: number; readonly lease: Lease };

/** The checkpoints of a division into so many shards. */
export type RelayCheckpoints = {
  /** The position up to which a shard has been published for certain. */
  load(shard: number): Promise<number>;
  /** The same of all shards that have one. */
  all(): Promise<ReadonlyMap<number, number>>;
  /** Moves checkpoints on, all or none. Rejects with `LeaseLostError` where one of the leases is ours no more. */
  save(moved: readonly Moved[]): Promise<void>;
};

/** Another division into shards has published, too: all up to its lowest checkpoint, once each of its shards has one. */
const loadSql = `
select greatest(
  coalesce((select position from relay_checkpoint where shards = $1 and shard = $2), 0),
  coalesce((
    select max(lowest) from (
      select min(position) as lowest from relay_checkpoint group by shards having count(*) = shards
    ) division
  ), 0)
) as position`;

const allSql = 'select shard, position from relay_checkpoint where shards = $1';

const saveSql = `
insert into relay_checkpoint (shards, shard, position)
select $1, shard, position from unnest($2::integer[], $3::bigint[]) as moved (shard, position)
on conflict (shards, shard) do update set position = greatest(relay_checkpoint.position, excluded.position)`;

/** The checkpoints of the relay in PostgreSQL. */
export const relayCheckpoints = (postgres: Postgres, shards: number): RelayCheckpoints => ({
  load: async (shard) => {
    const [row] = await postgres.query<{ position: number }>(loadSql, [shards, shard]);
    return row!.position;
  },
  all: async () => {
    const rows = await postgres.query<{ shard: number; position: number }>(allSql, [shards]);
    return new Map(rows.map(({ shard, position }) => [shard, position]));
  },
  save: (moved) =>
    postgres.transaction(async (query) => {
      await fencedBy(
        query,
        moved.map(({ lease }) => lease),
      );
      const columns = [moved.map(({ shard }) => shard), moved.map(({ position }) => position)];
      await query(saveSql, [shards, ...columns]);
    }),
});
