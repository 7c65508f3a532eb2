import { DatabaseSync } from 'node:sqlite';
import type { TimerSet } from '@recourse/contracts/events';
import type { EventId, OrderId, TimerId } from '@recourse/contracts/ids';
import { StartError, UnavailableError } from './errors.ts';
import type { PendingTimer, TimerStore } from './ports/timer-store.ts';

const schemaVersion = 1;

const schema = `
  create table if not exists pending (
    timer_id text primary key, order_id text not null, causation text not null, position integer not null,
    kind text not null, after_ms integer not null, due_at integer not null
  ) strict, without rowid;
`;

/** Opens `timers.db`, made where it does not exist. Throws `StartError`. */
export const openTimerStore = (path: string): TimerStore => {
  const db = open(path);
  const insert = db.prepare('insert or replace into pending values (?, ?, ?, ?, ?, ?, ?)');
  const remove = db.prepare('delete from pending where timer_id = ?');
  let isNew = versionOf(db) === 0;

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

const open = (path: string): DatabaseSync => {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
    db.exec('pragma journal_mode = wal; pragma synchronous = full;');
    if (versionOf(db) > schemaVersion) {
      throw new StartError(
        'newer-data',
        `${path} was written by a newer version of Recourse: run that one, or delete the file to set the timers anew from the log`,
      );
    }
    db.exec(schema);
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof StartError) throw error;
    const cause = error instanceof Error ? error.message : String(error);
    throw new StartError('timer-store', `cannot open ${path}: ${cause}`);
  }
};

const versionOf = (db: DatabaseSync): number => Number(db.prepare('pragma user_version').get()?.user_version);

const timerOf = (row: Record<string, unknown>): PendingTimer => ({
  timerId: row.timer_id as TimerId,
  orderId: row.order_id as OrderId,
  causation: row.causation as EventId,
  position: Number(row.position),
  kind: row.kind as TimerSet['kind'],
  afterMs: Number(row.after_ms),
  dueAt: Number(row.due_at),
});
