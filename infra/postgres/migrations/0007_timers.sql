-- Up Migration

-- Timers that are set, as they survive a restart; partition: of saga.events, in which the order is. Most are cancelled
-- before they are ever stored, so this is small, and rows come and go.
create table timer (
  timer_id text collate "C" not null primary key,
  partition integer not null,
  order_id text not null,
  causation text not null,
  position bigint not null,
  kind text not null,
  after_ms bigint not null,
  due_at bigint not null
) with (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 1000);
