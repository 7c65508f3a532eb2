-- Up Migration

-- The build whose machines were last found to fit all open sagas: there is one row at the most.
create table machine_build (
  only_row boolean primary key default true check (only_row),
  build text not null
);
