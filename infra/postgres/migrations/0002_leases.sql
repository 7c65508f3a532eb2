-- Up Migration

-- Who does a piece of work, and until when, by this server's clock. Rows stay, so that an epoch never comes again.
create table lease (
  name text primary key,
  kind text not null,
  owner text,
  epoch bigint not null default 0,
  until timestamptz not null default now()
);

create index lease_by_kind on lease (kind);

-- Who would do pieces of a kind: among those that live they are shared.
create table lease_competitor (
  kind text not null,
  owner text not null,
  until timestamptz not null,
  primary key (kind, owner)
);
