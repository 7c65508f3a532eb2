import type { Postgres } from './connect.ts';
import type { Competitor } from './lease-shares.ts';

/** A lease as its row names it. */
export type LeaseRow = { readonly name: string; readonly epoch: number };

/** Whose leases, and for how long from each statement on, by the server's clock alone. */
export type LeaseTerms = { readonly kind: string; readonly owner: string; readonly ttlMs: number };

/** The statements behind leases; each is one transaction. */
export type LeaseRows = {
  /** Makes the rows that are not there yet, and forgets competitors that are long dead. */
  prepare(names: readonly string[]): Promise<void>;
  /** Says that we live and could do so many, renews what we hold, and gives the names of those that were still ours. */
  renew(held: readonly LeaseRow[], able: number): Promise<ReadonlySet<string>>;
  /** The others that live; who does not say how many of all `pieces` it could do could do them all. */
  others(pieces: number): Promise<readonly Competitor[]>;
  /** Takes so many at most of those that nobody has held for so long. */
  claim(names: readonly string[], max: number, freeForMs: number): Promise<readonly LeaseRow[]>;
  /** Gives one back, where it is still ours, and tells the others. */
  release(lease: LeaseRow): Promise<void>;
  /** Competes no more, and tells the others. */
  withdraw(): Promise<void>;
  /** Tells the others that there is one more to share with. */
  announce(): Promise<void>;
};

const term = `now() + $3 * interval '1 millisecond'`;

const prepareSql = `
with forgotten as (delete from lease_competitor where until < now() - interval '1 hour')
insert into lease (name, kind) select name, $1 from unnest($2::text[]) as wanted (name)
on conflict (name) do nothing`;

/** Rows are locked in the order of their names, as the fence locks them: so the two never wait in a circle. */
const renewSql = `
with alive as (
  insert into lease_competitor (kind, owner, until, able) values ($1, $2, ${term}, $6)
  on conflict (kind, owner) do update set until = excluded.until, able = excluded.able
), ours as materialized (
  select lease.name from lease join unnest($4::text[], $5::bigint[]) as held (name, epoch)
    on lease.name = held.name and lease.epoch = held.epoch
  where lease.owner = $2 order by lease.name for no key update of lease
)
update lease set until = ${term} from ours where lease.name = ours.name returning lease.name`;

const othersSql = `
select competitor.owner, count(lease.name) as held, least(min(competitor.able), $3) as able
from lease_competitor competitor
left join lease on lease.kind = competitor.kind and lease.owner = competitor.owner and lease.until > now()
where competitor.kind = $1 and competitor.owner <> $2 and competitor.until > now()
group by competitor.owner`;

/** One that another is just taking, or that a transaction of its last owner still holds, is not waited for. */
const claimSql = `
with free as materialized (
  select name from lease
  where name = any($1::text[]) and (owner is null or until < now())
    and until <= now() - $5 * interval '1 millisecond'
  order by name limit $4 for update skip locked
)
update lease set owner = $2, epoch = lease.epoch + 1, until = ${term}
from free where lease.name = free.name
returning lease.name, lease.epoch`;

const releaseSql = `
with freed as (update lease set owner = null, until = now() where name = $1 and owner = $2 and epoch = $3)
select pg_notify($4, $5)`;

const withdrawSql = `
with gone as (delete from lease_competitor where kind = $1 and owner = $2)
select pg_notify($3, $1)`;

/** Where those who compete hear of each other; the payload is the kind. */
export const leaseChannel = (postgres: Postgres): string => `leases_${postgres.schema}`;

/** The rows of one kind as one competitor sees them. */
export const leaseRows = (postgres: Postgres, { kind, owner, ttlMs }: LeaseTerms): LeaseRows => {
  const { query } = postgres;
  const channel = leaseChannel(postgres);
  return {
    prepare: async (names) => void (await query(prepareSql, [kind, names])),
    renew: async (held, able) => {
      const [names, epochs] = [held.map(({ name }) => name), held.map(({ epoch }) => epoch)];
      const values = [kind, owner, ttlMs, names, epochs, able];
      return new Set((await query<{ name: string }>(renewSql, values)).map(({ name }) => name));
    },
    others: (pieces) => query<Competitor>(othersSql, [kind, owner, pieces]),
    claim: (names, max, freeForMs) => query<LeaseRow>(claimSql, [names, owner, ttlMs, max, freeForMs]),
    release: async ({ name, epoch }) => void (await query(releaseSql, [name, owner, epoch, channel, kind])),
    withdraw: async () => void (await query(withdrawSql, [kind, owner, channel])),
    announce: async () => void (await query('select pg_notify($1, $2)', [channel, kind])),
  };
};
