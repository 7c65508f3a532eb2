import type { Logger } from 'pino';
import type { Clock } from '../ports/clock.ts';
import { sleep } from '../ports/clock.ts';
import type { Subscription } from '../ports/event-log.ts';
import type { Lease, Leased, Leases } from '../ports/leases.ts';
import { systemIds } from '../system.ts';
import type { Postgres, Sql } from './connect.ts';
import { type HeldLease, holdLease } from './lease-held.ts';
import { type Competitor, type LeaseRows, leaseChannel, leaseRows } from './lease-rows.ts';

/** For how long a lease is ours after each renewal, by the server's clock. */
const ttlMs = 6_000;
/** Ours by our own clock: shorter, so that we have stopped before another begins. */
const oursMs = 5_000;
const renewEveryMs = 1_500;
/** How soon it tries again where the server could not be asked. */
const failedRetryMs = 500;
/** What takes longer is not waited for: another connection may be better. */
const askMsMax = 2_500;
/** A piece whose `begin` rejected is left to the others for so long. */
const beginRetryMs = 2_000;

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
  const hearing = sharedNotices(postgres);
  return {
    compete: (kind, pieces, begin) => {
      const rows = leaseRows(postgres, { kind, owner, ttlMs });
      return competing({ kind, pieces, begin, owner, rows, clock, logger, hear: hearing });
    },
  };
};

type Competing = {
  readonly kind: string;
  readonly pieces: readonly string[];
  readonly begin: (lease: Lease) => Leased | Promise<Leased>;
  readonly owner: string;
  readonly rows: LeaseRows;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hear: (onNotice: (kind: string | undefined) => void) => Subscription;
};

const competing = ({ kind, pieces, begin, owner, rows, clock, logger, hear }: Competing) => {
  const nameOf = (piece: string) => `${kind}/${piece}`;
  const pieceOf = new Map(pieces.map((piece) => [nameOf(piece), piece]));
  const held = new Map<string, HeldLease>();
  const notBefore = new Map<string, number>();
  const closing = new AbortController();
  let prepared = false;
  let failing = false;
  let giving = false;
  let woken = Promise.withResolvers<void>();

  const wake = () => woken.resolve();

  const ask = <T>(asked: Promise<T>): Promise<T> => within(clock, askMsMax, asked);

  const gone = async (lease: HeldLease, refused: boolean) => {
    if (refused) notBefore.set(lease.name, clock.monotonic() + beginRetryMs);
    // Where that cannot be said, its time runs out by itself.
    await ask(rows.release(lease)).catch(() => {});
    held.delete(lease.name);
    wake();
  };

  /** All that we hold and have not lost is ours for longer, or is lost. */
  const renew = async () => {
    const askedAt = clock.monotonic();
    const mine = [...held.values()].filter(({ lost }) => !lost.aborted);
    const kept = await ask(rows.renew(mine));
    for (const lease of mine) {
      if (kept.has(lease.name)) lease.oursUntil(askedAt + oursMs);
      else lease.lose();
    }
  };

  const claim = async (max: number) => {
    const now = clock.monotonic();
    const free = [...pieceOf.keys()].filter((name) => !held.has(name) && (notBefore.get(name) ?? now) <= now);
    if (max <= 0 || free.length === 0) return;
    for (const { name, epoch } of await ask(rows.claim(free, max))) {
      notBefore.delete(name);
      const piece = pieceOf.get(name)!;
      held.set(name, holdLease({ name, piece, epoch, until: now + oursMs, begin, clock, logger, gone }));
    }
  };

  /** One at a time, so that work moves over bit by bit. */
  const giveOneUp = () => {
    const last = [...held.values()].findLast(({ lost }) => !lost.aborted);
    if (giving || last === undefined) return;
    giving = true;
    void last.giveUp().then(() => {
      giving = false;
      wake();
    });
  };

  const look = async () => {
    if (!prepared) await ask(rows.prepare([...pieceOf.keys()]));
    await renew();
    if (!prepared) await ask(rows.announce());
    prepared = true;
    const competitors = await ask(rows.competitors());
    if (closing.signal.aborted) return;
    const { atMost, tooMuch } = fairShare(pieces.length, competitors, owner, held.size);
    await claim(atMost - held.size);
    if (tooMuch) giveOneUp();
  };

  const compete = async () => {
    while (!closing.signal.aborted) {
      woken = Promise.withResolvers();
      try {
        await look();
        if (failing) logger.info({ kind }, 'leases can be renewed again');
        failing = false;
      } catch (error) {
        if (!failing)
          logger.warn({ kind, err: error }, 'leases cannot be renewed: they are lost before long');
        failing = true;
      }
      const pause = sleep(clock, failing ? failedRetryMs : renewEveryMs, closing.signal);
      await (failing ? pause : Promise.race([pause, woken.promise]));
    }
  };
  const notices = hear((of) => {
    if (of === undefined || of === kind) wake();
  });
  const competed = compete();

  let closed: Promise<void> | undefined;
  const close = async () => {
    closing.abort();
    await Promise.all([competed, notices.close()]);
    await ask(rows.withdraw()).catch(() => {});
    await Promise.all([...held.values()].map((lease) => lease.giveUp()));
  };
  return {
    held: () => [...held.values()].filter(({ lost }) => !lost.aborted).map(({ piece }) => piece),
    close: () => {
      closed ??= close();
      return closed;
    },
  };
};

/**
 * How many of the pieces we may take, and whether we hold one that somebody else should have: more than an equal share
 * rounded up, or more than rounded down where somebody has less than that.
 */
const fairShare = (pieces: number, others: readonly Competitor[], owner: string, held: number) => {
  const count = Math.max(1, others.length);
  const [least, most] = [Math.floor(pieces / count), Math.ceil(pieces / count)];
  const poor = others.some((it) => it.owner !== owner && it.held < least);
  return { atMost: most, tooMuch: held > most || (held > least && poor) };
};

/** What is asked, or a rejection after so long. */
const within = async <T>(clock: Clock, ms: number, asked: Promise<T>): Promise<T> => {
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(ms, () => late.reject(new Error(`no answer within ${ms} ms`)));
  try {
    return await Promise.race([asked, late.promise]);
  } finally {
    cancel();
  }
};

/** One connection that listens for all who compete in this process, while somebody does. */
const sharedNotices = (postgres: Postgres): Competing['hear'] => {
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
