import type { TimerId } from '@recourse/contracts/ids';
import type { PendingTimer, TimerStore } from '../ports/timer-store.ts';
import type { Postgres } from './connect.ts';

/** The most rows of one statement. */
const rowsMax = 5_000;

type Stored = PendingTimer & { readonly partition: number };

/** The columns, what they are called elsewhere, and the types of arrays of them. */
const columns = {
  timer_id: ['timerId', 'text'],
  partition: ['partition', 'bigint'],
  order_id: ['orderId', 'text'],
  causation: ['causation', 'text'],
  position: ['position', 'bigint'],
  kind: ['kind', 'text'],
  after_ms: ['afterMs', 'bigint'],
  due_at: ['dueAt', 'bigint'],
} as const satisfies Record<string, readonly [keyof Stored, string]>;

const names = Object.keys(columns).join(', ');
const arrays = Object.values(columns).map(([, type], index) => `$${index + 1}::${type}[]`);
const fields = Object.values(columns).map(([field]) => field);

const insertSql = `insert into timer (${names}) select * from unnest(${arrays.join(', ')}) on conflict do nothing`;
const deleteSql = 'delete from timer where timer_id = any($1::text[])';
const selected = Object.entries(columns)
  .filter(([column]) => column !== 'partition')
  .map(([column, [field]]) => `${column} as "${field}"`);
const allSql = `select ${selected.join(', ')} from timer`;
const someSql = `${allSql} where partition = any($1::bigint[])`;

/**
 * The timers that are set, in PostgreSQL, for any number of processes, each of which asks for the partitions that are
 * its own. `partitionOf` says in which partition of `saga.events` an order is. Who was away too long writes nothing
 * that does harm: a timer that has been fired or cancelled since is seen to be so when its time has come.
 *
 * `dueAt` is by the clock of the process that stored it. Where another that takes over goes by another clock, a timer
 * fires too early by as much, or too late by as much, but no later than its whole time from then on.
 *
 * It is never new: a group that begins anew hears every SagaAdvanced again.
 */
export const openPostgresTimerStore = ({
  postgres: { query },
  partitionOf,
}: {
  readonly postgres: Pick<Postgres, 'query'>;
  readonly partitionOf: (orderId: string) => number;
}): TimerStore => {
  const insert = async (timers: readonly PendingTimer[]): Promise<void> => {
    for (let from = 0; from < timers.length; from += rowsMax) {
      const rows = timers
        .slice(from, from + rowsMax)
        .map((timer): Stored => ({ ...timer, partition: partitionOf(timer.orderId) }));
      await query(
        insertSql,
        fields.map((field) => rows.map((row) => row[field])),
      );
    }
  };

  const remove = async (timerIds: readonly TimerId[]): Promise<void> => {
    for (let from = 0; from < timerIds.length; from += rowsMax)
      await query(deleteSql, [timerIds.slice(from, from + rowsMax)]);
  };

  return {
    isNew: () => false,
    load: (partitions) =>
      partitions === undefined ? query<PendingTimer>(allSql) : query<PendingTimer>(someSql, [partitions]),
    write: async (gone, pending) => {
      // What is taken from both is read now: whoever asks goes on changing it.
      const [removed, added] = [[...gone], [...pending]];
      await remove(removed);
      await insert(added);
    },
    close: () => {},
  };
};
