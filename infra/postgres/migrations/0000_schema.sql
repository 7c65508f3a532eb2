-- Up Migration

-- What every table of ours relies on: a commit is on the disk when it is acknowledged.
do $$
begin
  if current_setting('fsync') <> 'on' then
    raise exception 'this server runs with fsync = off: an acknowledged order could be lost with it';
  end if;
end
$$;
