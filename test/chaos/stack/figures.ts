import type { CountedRecovery } from './progress.ts';

/** What took how long. */
export type Figures = {
  /** From a disturbance until orders end again, by the clock on the wall. */
  readonly recoveredP50Ms: number;
  readonly recoveredP99Ms: number;
  /** The same without the time for which Kafka or PostgreSQL were away. */
  readonly recoveredPresentP50Ms: number;
  readonly recoveredPresentP99Ms: number;
  /** Further disturbances that began in that time. */
  readonly disturbedAgainP50: number;
  readonly disturbedAgainP99: number;
  /** How long a process that had ended took, once it was started again, until it was ready. */
  readonly startedP50Ms: number;
  readonly startedP99Ms: number;
};

/** Medians and 99th percentiles, which are the greatest values where there are fewer than a hundred. */
export const figuresOf = (recoveries: readonly CountedRecovery[], startsMs: readonly number[]): Figures => {
  const wall = quantileOf(recoveries.map(({ recoveredMs }) => recoveredMs));
  const present = quantileOf(recoveries.map(({ recoveredMs, awayMs }) => recoveredMs - awayMs));
  const again = quantileOf(recoveries.map(({ disturbedAgain }) => disturbedAgain));
  const started = quantileOf(startsMs);
  return {
    recoveredP50Ms: wall(0.5),
    recoveredP99Ms: wall(0.99),
    recoveredPresentP50Ms: present(0.5),
    recoveredPresentP99Ms: present(0.99),
    disturbedAgainP50: again(0.5),
    disturbedAgainP99: again(0.99),
    startedP50Ms: started(0.5),
    startedP99Ms: started(0.99),
  };
};

const quantileOf = (values: readonly number[]) => {
  const sorted = values.toSorted((a, b) => a - b);
  return (share: number) =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
};
