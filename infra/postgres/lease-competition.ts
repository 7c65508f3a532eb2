import type { Logger } from 'pino';
import { type Clock, sleep, within } from '../ports/clock.ts';
import type { Subscription } from '../ports/event-log.ts';
import type { Lease, Leased } from '../ports/leases.ts';
import { type HeldLease, holdLease } from './lease-held.ts';
import { leaseRefusals } from './lease-refusals.ts';
import type { LeaseRows } from './lease-rows.ts';
import { fairShare } from './lease-shares.ts';

/** Ours by our own clock: shorter than by the server's, so that we have stopped before another begins. */
const oursMs = 5_000;
const renewEveryMs = 1_500;
/** How soon it tries again where the server could not be asked. */
const failedRetryMs = 500;
/** What takes longer is not waited for: another connection may be better. */
const askMsMax = 2_500;
/** What nobody has held for so long is taken beyond the fair share: those whose share it is cannot begin with it. */
const leftMs = 4_000;

/** Hears who else competes for which kind; `undefined`: some notices may have been missed. */
export type Hearing = (onNotice: (kind: string | undefined) => void) => Subscription;

type Competing = {
  readonly kind: string;
  readonly pieces: readonly string[];
  readonly begin: (lease: Lease) => Leased | Promise<Leased>;
  /** How many of the pieces we could do now, as who does them sees it. */
  readonly able: () => number;
  readonly owner: string;
  readonly rows: LeaseRows;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hear: Hearing;
};

/** Competes for the pieces of one kind, until it is closed. */
export const competing = (options: Competing) => {
  const { kind, pieces, begin, owner, rows, clock, logger } = options;
  const nameOf = (piece: string) => `${kind}/${piece}`;
  const pieceOf = new Map(pieces.map((piece) => [nameOf(piece), piece]));
  const held = new Map<string, HeldLease>();
  const refusals = leaseRefusals(clock);
  /** Those that were taken beyond our share: others may be unable to begin with them. */
  const left = new Set<string>();
  const closing = new AbortController();
  let prepared = false;
  let failing = false;
  let giving = false;
  let woken = Promise.withResolvers<void>();

  const wake = () => woken.resolve();

  const ask = async <T>(asked: Promise<T>): Promise<T> => {
    const answer = await within(
      clock,
      askMsMax,
      asked.then((is) => ({ is })),
    );
    if (answer === undefined) throw new Error(`no answer within ${askMsMax} ms`);
    return answer.is;
  };

  const gone = async (lease: HeldLease, refused: boolean) => {
    if (refused) refusals.add(lease.name);
    // Where that cannot be said, its time runs out by itself.
    await ask(rows.release(lease)).catch(() => {});
    held.delete(lease.name);
    left.delete(lease.name);
    wake();
  };

  /** How many we could do: one that was refused, and does none, tries a single one, and not before its time. */
  const ableNow = (): number => {
    const begun = [...held.values()].filter((lease) => lease.hasBegun());
    for (const { name } of begun) refusals.forget(name);
    const waiting = refusals.waiting();
    const could = refusals.isEmpty() || begun.length > 0 ? pieces.length - waiting : waiting > 0 ? 0 : 1;
    return Math.min(could, options.able());
  };

  /** All that we hold and have not lost is ours for longer, or is lost. */
  const renew = async (able: number) => {
    const askedAt = clock.monotonic();
    const mine = [...held.values()].filter(({ lost }) => !lost.aborted);
    const kept = await ask(rows.renew(mine, able));
    for (const lease of mine) {
      if (kept.has(lease.name)) lease.oursUntil(askedAt + oursMs);
      else lease.lose();
    }
  };

  /** Takes so many at most, and gives the names of those that it got. */
  const claim = async (max: number, freeForMs = 0): Promise<readonly string[]> => {
    const now = clock.monotonic();
    const free = [...pieceOf.keys()].filter((name) => !held.has(name) && !refusals.isWaiting(name));
    if (max <= 0 || free.length === 0) return [];
    const claimed = await ask(rows.claim(free, max, freeForMs));
    for (const { name, epoch } of claimed) {
      const piece = pieceOf.get(name)!;
      held.set(name, holdLease({ name, piece, epoch, until: now + oursMs, begin, clock, logger, gone }));
    }
    return claimed.map(({ name }) => name);
  };

  /** So many, none before the last ones are given up: work moves over bit by bit. What others may be unable to do last. */
  const giveUp = (count: number) => {
    const mine = [...held.values()].filter(({ lost }) => !lost.aborted);
    if (giving || mine.length === 0) return;
    giving = true;
    const { beyond = [], fair = [] } = Object.groupBy(mine, ({ name }) =>
      left.has(name) ? 'beyond' : 'fair',
    );
    const given = [...fair, ...beyond].slice(0, count);
    void Promise.all(given.map((lease) => lease.giveUp())).then(() => {
      giving = false;
      wake();
    });
  };

  const look = async () => {
    if (!prepared) await ask(rows.prepare([...pieceOf.keys()]));
    const able = ableNow();
    await renew(able);
    if (!prepared) await ask(rows.announce());
    prepared = true;
    const others = await ask(rows.others(pieces.length));
    if (closing.signal.aborted) return;
    refusals.othersAble(others.some((it) => it.able > 0));
    const { atMost, tooMuch, free } = fairShare(pieces.length, { owner, held: held.size, able }, others);
    await claim(atMost - held.size);
    if (held.size >= atMost && held.size < able && free > 0)
      for (const name of await claim(1, leftMs)) left.add(name);
    if (tooMuch) giveUp(able === 0 ? held.size - atMost : 1);
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
  const notices = options.hear((of) => {
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
