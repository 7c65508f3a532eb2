import type { Logger } from 'pino';
import type { Clock } from '../ports/clock.ts';
import type { RecordedEvent } from '../ports/event-log.ts';
import type { Connection } from './connection.ts';
import { type Found, isSystems } from './found.ts';
import type { LogReads } from './reads.ts';
import { recentTail } from './recent.ts';
import { damage, decode, isOurs, stampedAt } from './records.ts';
import type { RisingTimes } from './times.ts';

/** What the end of the log may hold in memory, and how it is watched. */
export type TailLimits = {
  readonly recentMax: number;
  readonly recentBytesMax: number;
  /** How often it looks by itself where the log ends: a subscription may be silent because it is dead. */
  readonly lookEveryMs: number;
  /** How long it waits before it subscribes again. */
  readonly subscribeAgainMs: number;
};

/** What a tail works with. */
export type TailParts = {
  readonly connection: Connection;
  readonly reads: LogReads;
  readonly times: RisingTimes;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: TailLimits;
  /** New records are there. */
  readonly onNews: () => void;
  /** The log has lost records that were heard of. */
  readonly onLost: (error: Error) => void;
};

/**
 * The end of the log, for all who follow it near there: one subscription, begun when it is first needed, whose
 * records are parsed once. It subscribes again, from where it was, when the subscription breaks, or is silent although the log
 * has grown.
 */
export const logTail = ({ connection, reads, times, clock, logger, limits, onNews, onLost }: TailParts) => {
  const recent = recentTail(limits.recentMax, limits.recentBytesMax);
  /** Unknown until the end was found. */
  let head: number | undefined;
  let time = 0;
  let begun = false;
  let closed = false;
  let told = false;
  let unsubscribe = () => {};
  let cancel = () => {};
  let cancelLook = () => {};

  const tell = () => {
    if (told) return;
    told = true;
    setImmediate(() => {
      told = false;
      if (!closed) onNews();
    });
  };

  const heard = (found: Found) => {
    if (isSystems(found) || !isOurs(found) || found.position <= (head ?? 0)) return;
    const { position } = found;
    time = times.following(position, stampedAt(found), time);
    head = position;
    try {
      const { record, size } = decode(found, time);
      recent.push(record, size);
    } catch {
      // Whoever comes to it reads it for himself, and says what is wrong with it.
      recent.clear(position);
    }
    tell();
  };

  const later = (run: () => void) => {
    cancel();
    cancel = clock.after(limits.subscribeAgainMs, run);
  };

  const subscribe = async () => {
    await connection.settled();
    if (closed) return;
    unsubscribe = connection.subscribe(head!, {
      begun: () => {},
      event: heard,
      broken: (error) => {
        if (closed) return;
        logger.debug({ reason: error.message, position: head }, 'the subscription to the log broke');
        later(subscribe);
      },
    });
  };

  const begin = async () => {
    try {
      const last = await reads.last();
      if (closed) return;
      head = last?.position ?? 0;
      time = last === undefined ? 0 : times.of(last.position, stampedAt(last));
      recent.clear(head);
      tell();
      await subscribe();
      look();
    } catch (error) {
      logger.debug({ err: error }, 'cannot find the end of the log');
      if (!closed) later(begin);
    }
  };

  /** Subscribes anew where the log has grown by then and nothing was heard since. */
  const look = (endedAt = 0) => {
    cancelLook = clock.after(limits.lookEveryMs, async () => {
      const before = head!;
      const last = await reads.last().catch(() => undefined);
      if (closed) return;
      if (last !== undefined && last.position < before)
        onLost(damage(`records after position ${last.position} are missing, up to ${before}`));
      if (endedAt > before && before === head) {
        logger.warn({ position: head }, 'the subscription to the log is silent: it begins again');
        unsubscribe();
        later(subscribe);
      }
      look(last?.position);
    });
  };

  return {
    /** The position of the last record that was heard of. */
    head: (): number => head ?? 0,
    recent: (after: number, max: number): RecordedEvent[] | undefined => recent.after(after, max),
    begin: (): void => {
      if (begun) return;
      begun = true;
      void begin();
    },
    close: (): void => {
      closed = true;
      cancel();
      cancelLook();
      unsubscribe();
    },
  };
};
