import type { Clock } from '../ports/clock.ts';
import type { ProjectionStatus, RebuildStatus } from '../ports/read-models.ts';
import type { Folding } from './fold.ts';
import { rateMeter, secondsLeft } from './pace.ts';

/** Rates of a rebuild are of so much of the past, and whether orders come in is seen in so much. */
const rateMs = 5_000;
const growthMs = 1_000;
/** How often it is said how far rebuilds have come. */
const sayEveryMs = 100;

const rounded = (value: number | null) => (value === null ? null : Math.round(value));

/** What a folding says of itself, and what only who has a clock can say of its rebuilds. */
export const statusMeter = (folding: Folding, clock: Clock) => {
  const growthOfLog = rateMeter(clock, growthMs);
  const rates = new Map<string, ReturnType<typeof rateMeter>>();
  let head = 0;
  let saidAt = Number.NEGATIVE_INFINITY;
  let said = '';

  /** How many records a second are appended to the log. */
  const growth = (): number => {
    try {
      head = folding.head();
    } catch {
      // It is said by who reads records that the log cannot be read.
    }
    return growthOfLog.perSecond(head) ?? 0;
  };

  const rateOf = (name: string) => {
    const known = rates.get(name) ?? rateMeter(clock, rateMs);
    rates.set(name, known);
    return known;
  };

  const status = (): readonly ProjectionStatus[] => {
    const growing = growth();
    return folding.status().map((it) => {
      const { name, rebuild } = it;
      if (rebuild === null) return { ...it, rebuild };
      const eventsPerSecond = rateOf(name).perSecond(rebuild.position);
      const moving: RebuildStatus = {
        ...rebuild,
        head,
        eventsPerSecond: rounded(eventsPerSecond),
        secondsLeft: rounded(secondsLeft({ ...rebuild, head }, eventsPerSecond, growing)),
      };
      return { ...it, rebuild: moving };
    });
  };

  /** What was said last of what changes all the time must not be said at every turn. */
  const fixed = () =>
    JSON.stringify(
      folding.status().map(({ rebuild, ...it }) => [it, rebuild && { ...rebuild, position: undefined }]),
    );

  return {
    growth,
    /** How all projections stand, where that is news. */
    news: (): readonly ProjectionStatus[] | undefined => {
      const now = fixed();
      const due = folding.pace() !== undefined && clock.monotonic() - saidAt >= sayEveryMs;
      if (now === said && !due) return undefined;
      said = now;
      saidAt = clock.monotonic();
      return status();
    },
  };
};
