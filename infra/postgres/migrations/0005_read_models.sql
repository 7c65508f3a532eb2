-- Up Migration

-- What serves each read model. Its rows stand in tables of their own, named by projection, version and build
-- (`orders_v2_b0_orders`): every fold makes new ones, which take the place of the old by this row alone.
create table projection (
  name text primary key,
  version integer not null,
  build integer not null,
  -- The last record that its rows show, written with them: 0 and '' before the first. `record`: JSON, what tells it from
  -- a record of another log.
  position bigint not null default 0,
  record text not null default '',
  state text not null default 'running' check (state in ('running', 'waiting', 'stopped')),
  -- Why it does not go on: JSON.
  error text
);

-- The fold that is asked for to take its place, or the last one where it threw.
create table projection_rebuild (
  name text primary key references projection (name),
  version integer not null,
  build integer not null,
  -- JSON: "full", "default", or events a second.
  pace text not null,
  position bigint not null default 0,
  record text not null default '',
  state text not null default 'running' check (state in ('running', 'waiting', 'stopped')),
  error text,
  events_per_second integer,
  seconds_left integer
);

-- The items of a JSON array as texts; of another value, itself.
create function json_items(list text) returns table (value text) language sql immutable as $$
  select json_array_elements_text(
    case json_typeof(list::json) when 'array' then list::json else json_build_array(list::json) end
  )
$$;
