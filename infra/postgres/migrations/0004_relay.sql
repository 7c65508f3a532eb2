-- Up Migration

-- How far each shard of the relay has been published: all of it up to this position of the log is acknowledged. A row
-- is of one division into shards; of another one, the lowest row says what has been published of all.
create table relay_checkpoint (
  shards integer not null,
  shard integer not null,
  position bigint not null,
  primary key (shards, shard)
);
