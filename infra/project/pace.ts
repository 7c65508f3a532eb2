import type { Clock } from '../ports/clock.ts';
import type { Pace, RebuildStatus } from '../ports/read-models.ts';

/** How fast rebuilds go, and how fast they went: the thread's shell has a clock, what folds has none. */

/** The part of its time that a rebuild of the default pace works while orders come in: measured, see the bench. */
const busyShare = 0.1;
/** The log that grows by more records a second is one into which orders come. */
const busyEventsPerSecond = 20;
const samplesEveryMs = 100;

/** How long a rebuild rests after a step of so many events that took so long. */
export const restMs = (pace: Pace, events: number, tookMs: number, growth: number): number => {
  if (pace === 'full') return 0;
  if (pace !== 'default') return Math.max(0, (events / pace) * 1_000 - tookMs);
  return growth > busyEventsPerSecond ? tookMs * (1 / busyShare - 1) : 0;
};

/** How fast a position that only grows has grown in the last so many milliseconds. */
export const rateMeter = (clock: Clock, overMs: number) => {
  let samples: { readonly at: number; readonly position: number }[] = [];
  return {
    /** Events a second; null before there is anything to say. */
    perSecond: (position: number): number | null => {
      const at = clock.monotonic();
      const last = samples.at(-1);
      // A position that has gone back is another one's.
      if (last !== undefined && position < last.position) samples = [];
      if (last === undefined || at - last.at >= samplesEveryMs) samples.push({ at, position });
      while (samples.length > 1 && at - samples[0]!.at > overMs) samples.shift();
      const first = samples[0];
      const ms = first === undefined ? 0 : at - first.at;
      return ms < samplesEveryMs ? null : ((position - first!.position) * 1_000) / ms;
    },
  };
};

/** The seconds until a rebuild has caught up with a log that goes on growing; null where that cannot be said. */
export const secondsLeft = (
  { position, head }: Pick<RebuildStatus, 'position' | 'head'>,
  eventsPerSecond: number | null,
  growth: number,
): number | null => {
  if (position >= head) return 0;
  const nearer = (eventsPerSecond ?? 0) - growth;
  return nearer > 0 ? (head - position) / nearer : null;
};
