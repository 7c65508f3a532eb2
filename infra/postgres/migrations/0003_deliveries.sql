-- Up Migration

-- Who may write about the parked messages of a partition: the epoch grows with every new owner.
create table partition_claim (
  grp text not null, topic text not null, part integer not null, epoch bigint not null, owner text not null,
  claimed_at timestamptz not null default now(), primary key (grp, topic, part)
);

-- How many partitions a topic had when it was first consumed: with another number keys would move.
create table topic_partitions (topic text primary key, partitions integer not null);

-- Messages that wait to be tried again, that wait behind such a one, and dead letters; in the order in which they were
-- parked. A place is a topic, a partition, an offset and the broker's stamp, which tells a topic made anew apart.
create table parked (
  id bigint generated always as identity primary key,
  grp text not null, topic text not null, part integer not null, place bigint not null, stamp bigint not null,
  key text not null, type text not null, message_id text not null, position bigint not null,
  state text not null, attempts integer not null, error text, parked_at bigint not null, retry_at bigint,
  message text not null,
  unique (grp, topic, part, place, stamp)
);
create index parked_dead on parked (position, id) where state = 'dead';
create index parked_dead_of_key on parked (key, position, id) where state = 'dead';

create table discarded (
  id bigint primary key,
  grp text not null, topic text not null, part integer not null, place bigint not null, stamp bigint not null,
  key text not null, type text not null, message_id text not null, position bigint not null,
  attempts integer not null, error text, parked_at bigint not null, message text not null,
  note text not null, discarded_by text not null, discarded_at bigint not null
);
create index discarded_place on discarded (grp, topic, part, place);

-- What a person has decided about a dead letter, until its owner has heard it. The truth stands in the tables above.
create table decision (
  id bigint primary key,
  grp text not null, topic text not null, part integer not null, place bigint not null, stamp bigint not null,
  key text not null, decision text not null
);
create index decision_of_group on decision (grp, topic, part);

-- Messages that nobody can read, whole. `sent`: they stand on the topic for them.
create table poison (
  id bigint generated always as identity primary key,
  topic text not null, part integer not null, place bigint not null, stamp bigint not null, grp text not null,
  reason text not null, key bytea, value bytea, headers text not null, found_at bigint not null,
  sent boolean not null default false,
  settled text, settled_at bigint, note text, settled_by text,
  unique (topic, part, place, stamp)
);
create index poison_open on poison (id) where settled is null;
