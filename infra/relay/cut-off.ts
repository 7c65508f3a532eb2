import type { Logger } from 'pino';
import type { Clock } from '../ports/clock.ts';

/** Who gets nothing acknowledged for so long, while something waits for it, gives its shards to who does. */
const silentMsDefault = 10_000;
/** As parts of that: one that tries again gives its one shard back sooner; before it tries it waits, up to the most. */
const tryingPart = 0.3;
const pausePartMax = 6;

type Watching = {
  /** For how long something has been on its way and nothing was acknowledged; 0 where nothing waits. */
  readonly silentMs: () => number;
  /** How many shards there are. */
  readonly shards: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly silentMsMax?: number | undefined;
};

/**
 * Finds out whether a relay is cut off from Kafka. Whether others are, too, nobody can tell before they have tried: so
 * it says how many shards it could do, none or one to try with or all, and where nobody could do more all stay.
 */
export const watchSending = (options: Watching) => {
  const { silentMs, shards, clock, logger, silentMsMax = silentMsDefault } = options;
  let cut: { readonly tries: number; readonly until: number } | undefined;

  const cutOff = () => {
    const tries = (cut?.tries ?? 0) + 1;
    if (cut === undefined)
      logger.warn({ silentMs: silentMs() }, 'Kafka acknowledges nothing: shards go to relays that can send');
    cut = { tries, until: clock.monotonic() + silentMsMax * Math.min(2 ** (tries - 1), pausePartMax) };
  };
  const isPausing = () => cut !== undefined && clock.monotonic() < cut.until;

  return {
    /** How many shards it could do now. */
    able: (): number => {
      if (isPausing()) return 0;
      if (silentMs() >= (cut === undefined ? silentMsMax : silentMsMax * tryingPart)) {
        cutOff();
        return 0;
      }
      return cut === undefined ? shards : 1;
    },
    /** Something was acknowledged. */
    acknowledged: (): void => {
      if (cut === undefined) return;
      cut = undefined;
      logger.info('Kafka acknowledges again: the relay takes its share of the shards');
    },
    /** Nothing has been acknowledged since it gave up its shards: what is on its way is not worth waiting for. */
    isCutOff: (): boolean => cut !== undefined,
    problems: (): readonly string[] =>
      isPausing() || (cut !== undefined && silentMs() > 0)
        ? ['Kafka acknowledges nothing that the relay sends: relays that can send have its shards']
        : [],
  };
};
