import type { SagaState } from '@recourse/contracts/http';
import type { Migration } from '@recourse/contracts/http-versions';
import type { OrderId } from '@recourse/contracts/ids';

/** How many sagas a group names. */
const namedMax = 5;

type Movable = Migration['moved'][number];
type NotMovable = Migration['cannotMove'][number];

/** Sagas that move alike, counted. */
export const movableGroups = () => {
  const groups = new Map<string, Movable>();
  return {
    add: (from: number, state: string, to: string): void => {
      const key = `${from} ${state} ${to}`;
      const group = groups.get(key) ?? { from, state: state as SagaState, to: to as SagaState, count: 0 };
      groups.set(key, { ...group, count: group.count + 1 });
    },
    all: (): Movable[] => largestFirst(groups),
  };
};

/** Why a saga cannot move. */
export type Reason = Pick<NotMovable, 'code' | 'why'>;

/** Sagas that cannot move for the same reason, counted; the first of them named. */
export const refusedGroups = () => {
  const groups = new Map<string, NotMovable>();
  return {
    add: (sagaId: OrderId, from: number | null, state: string, { code, why }: Reason): void => {
      const key = `${from} ${state} ${code} ${why}`;
      const group = groups.get(key) ?? { from, state: state as SagaState, code, why, count: 0, sagas: [] };
      const sagas = group.sagas.length < namedMax ? [...group.sagas, sagaId] : group.sagas;
      groups.set(key, { ...group, count: group.count + 1, sagas });
    },
    all: (): NotMovable[] => largestFirst(groups),
  };
};

const largestFirst = <T extends { readonly count: number }>(groups: ReadonlyMap<string, T>): T[] =>
  [...groups.values()].sort((a, b) => b.count - a.count);
