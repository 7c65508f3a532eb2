import type { Logger } from 'pino';
import type { Clock } from '../ports/clock.ts';
import type { Subscription } from '../ports/event-log.ts';
import type { Lease, Leases } from '../ports/leases.ts';
import { systemIds } from '../system.ts';
import type { Postgres, Sql } from './connect.ts';
import { competing, type Hearing } from './lease-competition.ts';
import { leaseChannel, leaseRows } from './lease-rows.ts';

/** For how long a lease is ours after each renewal, by the server's clock. */
const ttlMs = 6_000;

/** What leases are opened with. */
export type LeasesOptions = {
  readonly postgres: Postgres;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Who we are, among all processes that ever compete; left out, a name of its own. */
  readonly owner?: string;
};

/**
 * Leases as rows of PostgreSQL. A lease is ours until a time by the server's clock; until when we act on it is counted
 * by our own, monotonic one from before each renewal on, so no two clocks need to agree. What one that died had is
 * free after 6 s and taken within 2 s more; what is given back, at once.
 */
export const openLeases = ({ postgres, clock, logger, owner = systemIds.next() }: LeasesOptions): Leases => {
  const hear = sharedNotices(postgres);
  return {
    compete: (kind, pieces, begin, able = () => pieces.length) => {
      const rows = leaseRows(postgres, { kind, owner, ttlMs });
      return competing({ kind, pieces, begin, able, owner, rows, clock, logger, hear });
    },
  };
};

/** One connection that listens for all who compete in this process, while somebody does. */
const sharedNotices = (postgres: Postgres): Hearing => {
  const hearers = new Set<(kind: string | undefined) => void>();
  let listening: Subscription | undefined;
  return (onNotice) => {
    hearers.add(onNotice);
    listening ??= postgres.listen(leaseChannel(postgres), (kind) => {
      for (const hearer of hearers) hearer(kind);
    });
    return {
      close: async () => {
        hearers.delete(onNotice);
        if (hearers.size > 0) return;
        const last = listening;
        listening = undefined;
        await last?.close();
      },
    };
  };
};

/** What was to be written under a lease that is no longer ours: nothing of it was. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
  readonly code = 'lease-lost';
  readonly leases: readonly string[];
  constructor(leases: readonly string[]) {
    super(`no longer ours: ${leases.join(', ')}`);
    this.leases = leases;
  }
}

/**
 * A transaction that stops in its middle must not keep others from a lease for long: the server ends it. (An epoch has
 * one owner, so it names the owner, too; a row without an owner has been given back.)
 */
const fenceSql = `
select name, epoch, set_config('idle_in_transaction_session_timeout', '3s', true)
from lease where name = any($1) and owner is not null order by name for share`;

/**
 * First in a transaction: what else it does is done only while these leases are ours, for nobody can get them before it
 * has ended. Rejects with `LeaseLostError` where one is not. Keep such a transaction well below a second: renewals wait
 * for it.
 */
export const fencedBy = async (query: Sql, leases: Lease | readonly Lease[]): Promise<void> => {
  const named = 'name' in leases ? [leases] : leases;
  const rows = await query<{ name: string; epoch: number }>(fenceSql, [named.map(({ name }) => name)]);
  const epochs = new Map(rows.map(({ name, epoch }) => [name, epoch]));
  const lost = named.filter((it) => it.lost.aborted || epochs.get(it.name) !== it.epoch);
  if (lost.length > 0) throw new LeaseLostError(lost.map(({ name }) => name));
};
