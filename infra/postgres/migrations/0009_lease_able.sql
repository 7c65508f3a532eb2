-- Up Migration

-- How many of the pieces of its kind a competitor could do now: one that cannot begin with any is given none of those
-- that another could do. Left out: all of them.
alter table lease_competitor add column able integer;
