import type { Topic } from '@recourse/contracts/registry';
import type { Logger } from 'pino';
import type { Clock } from '../ports/clock.ts';
import type { Assignment } from './assignment.ts';
import type { OffsetReader } from './offsets.ts';

type Watching = {
  readonly group: string;
  readonly topics: readonly Topic[];
  readonly offsets: OffsetReader;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly current: () => Assignment | undefined;
  /** When it last took a message or joined, in milliseconds of the monotonic clock. */
  readonly movedAt: () => number;
  readonly onStuck: (topic: Topic) => void;
};

/** With messages to take and none taken for so long, for no reason that is known, the library is stuck. */
const stuckMs = 45_000;
const watchEveryMs = 15_000;

/**
 * Finds a group that takes nothing although, at each look for so long, there was something to take. The function that
 * is returned ends it.
 */
export const watchGroup = (options: Watching): (() => void) => {
  const { group, topics, offsets, clock, logger, current } = options;
  let ended = false;
  /** When it was last seen to have nothing to take, or to wait for a reason; or when Kafka could not be asked. */
  let wellAt = clock.monotonic();

  const check = async (): Promise<void> => {
    const assignment = current();
    const worker = assignment?.worker;
    const waits = assignment?.isReady() === false || worker?.holdsBecause() !== undefined;
    const topic = waits || (worker !== undefined && worker.tracks.size() > 0) ? undefined : await behindIn();
    if (topic === undefined) wellAt = clock.monotonic();
    const still = clock.monotonic() - Math.max(wellAt, options.movedAt());
    if (topic !== undefined && still >= stuckMs && !ended) options.onStuck(topic);
  };

  /** A topic with messages to take, if any. */
  const behindIn = async (): Promise<Topic | undefined> => {
    const standings = await offsets.standing(group, topics);
    const worker = current()?.worker;
    const behind = standings.find(({ topic, partition, high, low, committed }) => {
      const track = worker?.tracks.of({ topic, partition });
      if (worker !== undefined && track === undefined) return false;
      // Others may publish there in transactions, whose markers are never taken.
      return !topic.endsWith('.replies') && high > (track?.next ?? committed ?? low);
    });
    return behind?.topic;
  };

  let cancel = () => {};
  const again = () => {
    cancel = clock.after(watchEveryMs, () => {
      check()
        .catch((error: unknown) => {
          wellAt = clock.monotonic();
          logger.debug({ group, err: error }, 'the watch cannot ask Kafka');
        })
        .finally(() => {
          if (!ended) again();
        });
    });
  };
  again();
  return () => {
    ended = true;
    cancel();
  };
};
