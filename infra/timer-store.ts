import type { DatabaseSync } from 'node:sqlite';
import type { TimerSet } from '@recourse/contracts/events';
import type { EventId, OrderId, TimerId } from '@recourse/contracts/ids';
import { beyondLog } from './beyond-log.ts';
import { UnavailableError } from './errors.ts';
import type { PendingTimer, TimerStore } from './ports/timer-store.ts';
import { openStateFile } from './state-file.ts';

const schemaVersion = 1;

const schema = `
  create table if not exists pending (
    timer_id text primary key, order_id text not null, causation text not null, position integer not null,
    kind text not null, after_ms integer not null, due_at integer not null
  ) strict, without rowid;
`;

/**
 * Opens `timers.db`, made where it does not exist. Throws `StartError` where it cannot be opened, or speaks of records
 * beyond `head`, the position of the log's last one.
 */
export const openTimerStore = (path: string, head = Number.POSITIVE_INFINITY): TimerStore => {
  const db = openFile(path);
  const latest = latestIn(db);
  if (latest > head) {
    db.close();
    const deletingIt = 'the timers are set anew from the log';
    throw beyondLog({ path, head, deletingIt, what: 'a timer', position: latest });
  }
  const insert = db.prepare('insert or replace into pending values (?, ?, ?, ?, ?, ?, ?)');
  const remove = db.prepare('delete from pending where timer_id = ?');
  let isNew = Number(db.prepare('pragma user_version').get()?.user_version) === 0;

  return {
    isNew: () => isNew,
    load: () => db.prepare('select * from pending').all().map(timerOf),
    write: (gone, pending) => {
      try {
        db.exec('begin immediate');
        for (const timerId of gone) remove.run(timerId);
        for (const it of pending) {
          const { timerId, orderId, causation, position, kind, afterMs, dueAt } = it;
          insert.run(timerId, orderId, causation, position, kind, afterMs, dueAt);
        }
        if (isNew) db.exec(`pragma user_version = ${schemaVersion}`);
        db.exec('commit');
        isNew = false;
      } catch (error) {
        if (db.isOpen && db.isTransaction) db.exec('rollback');
        throw new UnavailableError(`${path} cannot be written`, { cause: error });
      }
    },
    close: () => db.close(),
  };
};

const openFile = (path: string, readOnly = false): DatabaseSync =>
  openStateFile({
    path,
    schema,
    schemaVersion,
    code: 'timer-store',
    deletingIt: 'set the timers anew from the log',
    readOnly,
  });

const latestIn = (db: DatabaseSync): number =>
  Number(db.prepare('select max(position) as latest from pending').get()?.latest ?? 0);

/**
 * The position of the last record that a timer in `timers.db` comes from; 0 where there is none. Nothing is changed.
 * Throws `StartError`.
 */
export const latestTimer = (path: string): number => {
  const db = openFile(path, true);
  try {
    return latestIn(db);
  } finally {
    db.close();
  }
};

/** What `timers.db` holds, and whether it was ever written (see `TimerStore`). Nothing is changed. Throws `StartError`. */
export const storedTimers = (
  path: string,
): { readonly isNew: boolean; readonly timers: readonly PendingTimer[] } => {
  const db = openFile(path, true);
  try {
    const isNew = Number(db.prepare('pragma user_version').get()?.user_version) === 0;
    return { isNew, timers: db.prepare('select * from pending order by timer_id').all().map(timerOf) };
  } finally {
    db.close();
  }
};

const timerOf = (row: Record<string, unknown>): PendingTimer => ({
  timerId: row.timer_id as TimerId,
  orderId: row.order_id as OrderId,
  causation: row.causation as EventId,
  position: Number(row.position),
  kind: row.kind as TimerSet['kind'],
  afterMs: Number(row.after_ms),
  dueAt: Number(row.due_at),
});
