import type { Logger } from 'pino';
import { type Clock, sleep } from '../ports/clock.ts';
import type { Lease, Leased } from '../ports/leases.ts';

/** How long what is given up may take to finish what it has in hand, before it is told that it is over. */
const giveUpMsMax = 3_000;

/** A lease in our hands, and what is done under it. */
export type HeldLease = Lease & {
  /** What is to be done under it has begun. */
  hasBegun(): boolean;
  /** It was renewed: it is ours until then by our monotonic clock. */
  oursUntil(time: number): void;
  /** It is ours no more. */
  lose(): void;
  /** Ends what is done under it, which may finish what it has in hand. Resolves when nothing of it runs any more. */
  giveUp(): Promise<void>;
};

type Holding = {
  readonly name: string;
  readonly piece: string;
  readonly epoch: number;
  readonly until: number;
  readonly begin: (lease: Lease) => Leased | Promise<Leased>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nothing of it runs any more. `refused`: it never began. Must not reject. */
  readonly gone: (lease: HeldLease, refused: boolean) => Promise<void>;
};

/** Begins what is to be done under a lease that we have just got. */
export const holdLease = ({ name, piece, epoch, until, begin, clock, logger, gone }: Holding): HeldLease => {
  const losing = new AbortController();
  let refused = false;
  let running = false;
  let cancelLoss = () => {};
  let ended: Promise<void> | undefined;

  const lose = () => {
    if (losing.signal.aborted) return;
    if (ended === undefined) logger.warn({ lease: name, epoch }, 'lease lost: another may have it');
    losing.abort();
    void giveUp();
  };

  const oursUntil = (time: number) => {
    cancelLoss();
    const left = time - clock.monotonic();
    if (left > 0) cancelLoss = clock.after(left, lose);
    else lose();
  };

  const end = async () => {
    const leased = await begun;
    const closed = Promise.resolve(leased?.close()).catch((error: unknown) =>
      logger.error({ err: error, lease: name }, 'what was done under a lease did not end well'),
    );
    await Promise.race([closed, sleep(clock, giveUpMsMax, losing.signal)]);
    cancelLoss();
    losing.abort();
    await closed;
    await gone(held, refused);
  };

  const giveUp = () => {
    ended ??= end();
    return ended;
  };

  const beginSafely = async (): Promise<Leased | undefined> => {
    try {
      const leased = await begin({ name, piece, epoch, lost: losing.signal });
      running = true;
      logger.debug({ lease: name, epoch }, 'lease taken');
      return leased;
    } catch (error) {
      refused = true;
      logger.warn({ err: error, lease: name }, 'what was to be done under a lease cannot begin: given up');
      return undefined;
    }
  };

  const held: HeldLease = {
    name,
    piece,
    epoch,
    lost: losing.signal,
    hasBegun: () => running,
    oursUntil,
    lose,
    giveUp,
  };
  const begun = beginSafely();
  void begun.then(() => (refused ? giveUp() : undefined));
  oursUntil(until);
  return held;
};
