-- Up Migration

-- The event log. Where it ends, in one row, so that positions have no gaps and follow the order of commits: whoever
-- moves it holds the lock of `log_begin` until its transaction is synced.
create table log_head (
  one boolean primary key default true check (one),
  "position" bigint not null,
  -- Milliseconds since 1970, of the last record.
  "time" bigint not null,
  -- The number of the last stream.
  stream bigint not null
) with (fillfactor = 10);
insert into log_head values (true, 0, 0, 0);

create table log_types (
  type integer generated always as identity primary key,
  name text not null,
  version integer not null,
  unique (name, version)
);

-- A stream's name is `<category>-<owner>`: the streams of one order stand beside each other in the index.
create table log_streams (
  stream bigint primary key,
  head bigint not null,
  owner text collate "C" not null,
  category text collate "C" not null,
  unique (owner, category)
) with (fillfactor = 70);

-- `crc` covers all but position and time. `correlation` is null where it is the stream's owner.
create table log_records (
  "position" bigint primary key,
  stream bigint not null,
  revision bigint not null,
  "time" bigint not null,
  type integer not null,
  crc integer not null,
  id text not null,
  causation text not null,
  correlation text,
  data text not null,
  unique (stream, revision)
);

-- Waits until every append that was begun before is synced, and says where the log ends. What follows it in the same
-- function must be statements of their own, which see what those appends have stored.
create function log_begin() returns log_head language plpgsql as $$
declare
  ends log_head;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'the log is written in transactions of isolation level read committed only';
  end if;
  perform pg_advisory_xact_lock(1380143731, 'log_head'::regclass::oid::integer);
  select * into strict ends from log_head;
  return ends;
end
$$;

-- Moves the end, and tells those who listen.
create function log_end(ends log_head) returns void language plpgsql as $$
begin
  update log_head set "position" = ends."position", "time" = ends."time", stream = ends.stream;
  perform pg_notify(current_schema() || '.log', ends."position"::text);
end
$$;

-- The number and the head of each stream, in the order asked for; 0 and -1 where it does not exist.
create function log_places(owners text[], categories text[], out streams bigint[], out heads bigint[])
language plpgsql as $$
begin
  select array_agg(coalesce(s.stream, 0) order by a.nth), array_agg(coalesce(s.head, -1) order by a.nth)
    into streams, heads
    from unnest(owners, categories) with ordinality as a (owner, category, nth)
    left join lateral (
      select l.stream, l.head from log_streams l where l.owner = a.owner and l.category = a.category offset 0
    ) s on true;
end
$$;

-- Takes appends to different streams: of each its stream, the revision that is expected and how many events it holds;
-- of each event which append it is of (from 1), in order, and its revision. Says of each append where its last event stands
-- and whether it was stored now; position 0: refused, and `head` is the stream's.
create function log_append(
  owners text[], categories text[], expecteds bigint[], counts bigint[],
  appends integer[], revisions bigint[], types integer[], crcs integer[],
  ids text[], causations text[], correlations text[], datas text[]
) returns table (head bigint, "position" bigint, "time" bigint, stored boolean)
language plpgsql
-- Plans are kept, and made while the tables are still small: they must be those for big ones.
set plan_cache_mode = force_generic_plan set jit = off
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  ends log_head := log_begin();
  begun bigint := ends."position";
  now bigint := greatest(ends."time", floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
  places record;
  streams bigint[];
  heads bigint[];
  made boolean := false;
  moved boolean := false;
  -- Of each append the position before its first event; -1 where it is not stored now.
  befores bigint[] := array_fill(-1::bigint, array[cardinality(owners)]);
  positions bigint[] := array_fill(0::bigint, array[cardinality(owners)]);
  times bigint[] := array_fill(now, array[cardinality(owners)]);
  first integer := 1;
  last log_records;
begin
  places := log_places(owners, categories);
  streams := places.streams;
  heads := places.heads;
  for i in 1 .. cardinality(owners) loop
    if heads[i] = expecteds[i] then
      if streams[i] = 0 then
        ends.stream := ends.stream + 1;
        streams[i] := ends.stream;
        made := true;
      else
        moved := true;
      end if;
      befores[i] := ends."position";
      ends."position" := ends."position" + counts[i];
      heads[i] := expecteds[i] + counts[i];
      positions[i] := ends."position";
    elsif expecteds[i] + counts[i] <= heads[i] then
      -- A repeat, where the stream holds these ids there.
      if ids[first : first + counts[i] - 1] = array(
        select r.id from log_records r
        where r.stream = streams[i] and r.revision > expecteds[i] and r.revision <= expecteds[i] + counts[i]
        order by r.revision
      ) then
        select * into strict last from log_records r
        where r.stream = streams[i] and r.revision = expecteds[i] + counts[i];
        heads[i] := last.revision;
        positions[i] := last."position";
        times[i] := last."time";
      end if;
    end if;
    first := first + counts[i];
  end loop;

  if ends."position" > begun then
    ends."time" := now;
    if made then
      insert into log_streams (stream, head, owner, category)
        select a.stream, a.head, a.owner, a.category
        from unnest(streams, heads, owners, categories, expecteds, befores)
          as a (stream, head, owner, category, expected, before)
        where a.before >= 0 and a.expected = -1;
    end if;
    if moved then
      update log_streams l set head = a.head
        from unnest(streams, heads, expecteds, befores) as a (stream, head, expected, before)
        where l.stream = a.stream and a.before >= 0 and a.expected >= 0;
    end if;
    insert into log_records ("position", stream, revision, "time", type, crc, id, causation, correlation, data)
      select befores[e.append] + e.revision - expecteds[e.append], streams[e.append], e.revision, now,
        e.type, e.crc, e.id, e.causation, e.correlation, e.data
      from unnest(appends, revisions, types, crcs, ids, causations, correlations, datas)
        as e (append, revision, type, crc, id, causation, correlation, data)
      where befores[e.append] >= 0;
    perform log_end(ends);
  end if;
  return query select * from unnest(heads, positions, times, array(select b >= 0 from unnest(befores) b));
end
$$;

-- Records of streams, the first that is asked for first, each in the order of its revisions: so many at most from a revision
-- on, or so many that end at one. Says the head of each that exists, also where there are no such records.
create function log_read(
  owners text[], categories text[], froms bigint[], maxes bigint[], backwards integer[]
) returns table (
  asked bigint, head bigint, "position" bigint, revision bigint, "time" bigint, type integer, crc integer,
  id text, causation text, correlation text, data text
)
language plpgsql stable
set plan_cache_mode = force_generic_plan set jit = off
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
  return query
    select a.nth, s.head, r.* from
      unnest(owners, categories, froms, maxes, backwards)
        with ordinality as a (owner, category, start, most, back, nth)
      cross join lateral (
        select l.stream, l.head from log_streams l where l.owner = a.owner and l.category = a.category offset 0
      ) s
      left join lateral (
        select l."position", l.revision, l."time", l.type, l.crc, l.id, l.causation, l.correlation, l.data
        from log_records l
        where l.stream = s.stream
          and l.revision >= case a.back when 1 then least(a.start, s.head) - a.most + 1 else a.start end
          and l.revision <= case a.back when 1 then a.start else a.start + a.most - 1 end
        order by l.revision offset 0
      ) r on true;
end
$$;

-- Up to so many records after a position.
create function log_after(after bigint, most bigint) returns table (
  "position" bigint, revision bigint, "time" bigint, type integer, crc integer,
  id text, causation text, correlation text, data text, owner text, category text
)
language plpgsql stable
set plan_cache_mode = force_generic_plan set jit = off
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
begin
  return query
    select r."position", r.revision, r."time", r.type, r.crc, r.id, r.causation, r.correlation, r.data,
      s.owner, s.category
    from (
      select * from log_records l where l."position" > after and l."position" <= after + most
      order by l."position" offset 0
    ) r left join log_streams s on s.stream = r.stream;
end
$$;

-- Stores records of another log as they are, in their order; passes over those that are there already. Of each which of
-- the streams it is of (from 1). Stores nothing where one of them cannot stand at its revision: `refused` is its number.
create function log_import(
  owners text[], categories text[],
  ofs integer[], revisions bigint[], times bigint[], types integer[], crcs integer[],
  ids text[], causations text[], correlations text[], datas text[]
) returns table (stored bigint, refused integer, why text)
language plpgsql
set plan_cache_mode = force_generic_plan set jit = off
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  ends log_head := log_begin();
  begun bigint := ends."position";
  places record;
  streams bigint[];
  heads bigint[];
  -- Of each record its position; 0 where it is there already.
  positions bigint[] := array_fill(0::bigint, array[cardinality(ofs)]);
  s integer;
  there log_records;
begin
  places := log_places(owners, categories);
  streams := places.streams;
  heads := places.heads;
  for i in 1 .. cardinality(ofs) loop
    s := ofs[i];
    if revisions[i] <= heads[s] then
      select * into there from log_records r where r.stream = streams[s] and r.revision = revisions[i];
      if (there.id, there."time", there.crc, there.data) is distinct from (ids[i], times[i], crcs[i], datas[i]) then
        return query select 0::bigint, i, 'another record stands there';
        return;
      end if;
    elsif revisions[i] > heads[s] + 1 then
      return query select 0::bigint, i, format('the stream ends at revision %s', heads[s]);
      return;
    elsif times[i] < ends."time" then
      return query select 0::bigint, i, 'the log holds records of a later time';
      return;
    else
      if streams[s] = 0 then
        ends.stream := ends.stream + 1;
        streams[s] := ends.stream;
      end if;
      heads[s] := revisions[i];
      ends."position" := ends."position" + 1;
      ends."time" := times[i];
      positions[i] := ends."position";
    end if;
  end loop;

  if ends."position" > begun then
    insert into log_streams (stream, head, owner, category)
      select a.stream, a.head, a.owner, a.category
      from unnest(streams, heads, owners, categories) as a (stream, head, owner, category)
      on conflict (stream) do update set head = excluded.head;
    insert into log_records ("position", stream, revision, "time", type, crc, id, causation, correlation, data)
      select r."position", streams[r.s], r.revision, r."time", r.type, r.crc, r.id, r.causation, r.correlation, r.data
      from unnest(positions, ofs, revisions, times, types, crcs, ids, causations, correlations, datas)
        as r ("position", s, revision, "time", type, crc, id, causation, correlation, data)
      where r."position" > 0;
    perform log_end(ends);
  end if;
  return query select ends."position" - begun, null::integer, null::text;
end
$$;
