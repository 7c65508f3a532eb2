-- Up Migration

-- The chart of each version of the saga with which the installation was last started, as JSON.
create table machine_chart (
  version integer primary key,
  chart text not null
);
