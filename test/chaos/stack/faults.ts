import type { ChaosReport } from './chaos.ts';

/** How many of a kind are named. */
const namedMax = 5;

/** What a run must not have come to, however long anything took. */
export const faultsOf = ({ verdict, refused }: ChaosReport): string[] => [
  ...verdict.lost.slice(0, namedMax).map((it) => `lost: ${it}`),
  ...(verdict.open > 0 ? [`${verdict.open} orders are still open`] : []),
  ...verdict.violations.slice(0, namedMax).map((it) => `ledger: ${JSON.stringify(it)}`),
  ...(verdict.deadLetters > 0 ? [`${verdict.deadLetters} dead letters`] : []),
  ...verdict.twice.slice(0, namedMax),
  ...refused.slice(0, namedMax).map((it) => `refused: ${it}`),
];

/** The longest that orders may stand still after a disturbance, while Kafka and PostgreSQL are there. */
export const recoveredMsMax = 20_000;

/** What took too long. Not a fault on a machine that does other things meanwhile. */
export const slownessOf = ({ recoveredPresentP99Ms }: ChaosReport): string[] =>
  recoveredPresentP99Ms > recoveredMsMax
    ? [`orders stood still for ${recoveredPresentP99Ms} ms (p99) while Kafka and PostgreSQL were there`]
    : [];
