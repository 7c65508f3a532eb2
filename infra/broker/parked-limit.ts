import type { Logger } from 'pino';

/** It is said that a group goes on when so much of the limit is free again: not with each message that comes and goes. */
const freedPart = 0.1;

type Limit = {
  readonly group: string;
  /** How many parked messages are too many. */
  readonly parkedMax: number;
  readonly count: { readonly waiting: number; readonly dead: number };
  readonly logger: Logger;
};

/** A group takes nothing more once too many of its messages are parked; that is told, and that it goes on. */
export const parkedLimit = ({ group, parkedMax, count, logger }: Limit) => {
  let told = false;
  const words = () =>
    `group takes nothing more: ${count.waiting + count.dead} of its messages wait or are dead letters. ` +
    'See `recourse dead-letters`: redrive or discard them';

  return {
    /** Asked for each message: must be cheap. */
    isReached: (): boolean => {
      const parked = count.waiting + count.dead;
      if (parked >= parkedMax) {
        if (!told) logger.error({ group, parkedMax, waiting: count.waiting, dead: count.dead }, words());
        told = true;
        return true;
      }
      if (told && parked <= parkedMax * (1 - freedPart)) {
        told = false;
        logger.info({ group, parked }, 'group goes on: fewer of its messages wait or are dead letters');
      }
      return false;
    },
    /** Why the group takes nothing, for people. */
    problem: (): string | undefined =>
      count.waiting + count.dead >= parkedMax ? `${group}: ${words()}` : undefined,
  };
};
