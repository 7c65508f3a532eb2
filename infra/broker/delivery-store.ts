import type { SQLOutputValue } from 'node:sqlite';
import type { OrderId } from '@recourse/contracts/ids';
import { assertNever } from '../assert-never.ts';
import type { Message, ParkedMessage } from '../ports/broker.ts';
import { openStateFile } from '../state-file.ts';
import type { Change, Standing } from './changes.ts';

/** Where a message stands for a group: the position of its record, and its index within it. */
export type Place = { readonly group: string; readonly position: number; readonly index: number };

/** A parked message without its body. */
export type ParkedHeader = Place &
  Standing & { readonly key: OrderId; readonly messageId: string; readonly parkedAt: number };

/** A message that a person has discarded: as it was parked, and what was said about it. */
export type DiscardedMessage = Omit<ParkedMessage, 'state' | 'retryAt'> & {
  readonly note: string;
  readonly discardedBy: string;
  /** Milliseconds since 1970. */
  readonly discardedAt: number;
};

/** The id of a parked message, for people. */
export const parkedId = ({ group, position, index }: Place): string => `${position}-${index}-${group}`;

/** The place that an id names, or undefined where it is none. */
export const placeOf = (id: string): Place | undefined => {
  const [, position, index, group] = /^(\d{1,15})-(\d{1,6})-(.+)$/s.exec(id) ?? [];
  if (position === undefined || index === undefined || group === undefined) return undefined;
  return { group, position: Number(position), index: Number(index) };
};

const schemaVersion = 1;

const schema = `
  create table if not exists checkpoint (grp text primary key, position integer not null) strict, without rowid;
  create table if not exists parked (
    grp text not null, position integer not null, idx integer not null, topic text not null, key text not null,
    type text not null, message_id text not null, state text not null, attempts integer not null, error text,
    parked_at integer not null, retry_at integer, message text not null, primary key (grp, position, idx)
  ) strict, without rowid;
  create index if not exists dead on parked (position, idx, grp) where state = 'dead';
  create index if not exists dead_of_key on parked (key, position, idx, grp) where state = 'dead';
  create table if not exists discarded (
    grp text not null, position integer not null, idx integer not null, topic text not null, key text not null,
    type text not null, message_id text not null, attempts integer not null, error text, parked_at integer not null,
    message text not null, note text not null, discarded_by text not null, discarded_at integer not null,
    primary key (grp, position, idx)
  ) strict, without rowid;
  pragma user_version = ${schemaVersion};
`;

/** Opens `delivery.db`: checkpoints, parked messages, and the record of what was discarded. Throws `StartError`. */
export const openDeliveryStore = (path: string, { readOnly = false } = {}) => {
  const db = openStateFile({
    path,
    readOnly,
    schema,
    schemaVersion,
    code: 'delivery-store',
    deletingIt: 'deliver everything again',
  });
  const insert = db.prepare(
    'insert or replace into parked values (:grp, :position, :idx, :topic, :key, :type, :messageId, :state, :attempts, :error, :parkedAt, :retryAt, :message)',
  );
  const stand = db.prepare(
    'update parked set state = ?, attempts = ?, error = ?, retry_at = ? where grp = ? and position = ? and idx = ?',
  );
  const remove = db.prepare('delete from parked where grp = ? and position = ? and idx = ?');
  const keepDiscarded = db.prepare(
    `insert or replace into discarded select grp, position, idx, topic, key, type, message_id, attempts, error,
       parked_at, message, ?, ?, ? from parked where grp = ? and position = ? and idx = ?`,
  );
  const checkpoint = db.prepare(
    'insert into checkpoint values (?, ?) on conflict (grp) do update set position = excluded.position',
  );
  const find = db.prepare('select * from parked where grp = ? and position = ? and idx = ?');
  const dead = (where: string) =>
    db.prepare(
      `select * from parked where state = 'dead' and (position, idx, grp) > (?, ?, ?) ${where}
       order by position, idx, grp limit ?`,
    );
  const [deadOfAll, deadOfKey] = [dead(''), dead('and key = ?')];

  const apply = (change: Change<Place>) => {
    const { group, position, index } = change.place;
    switch (change.change) {
      case 'park':
        insert.run(parameters(change));
        return;
      case 'stand': {
        const { state, attempts, error, retryAt } = change.standing;
        stand.run(state, attempts, error, retryAt, group, position, index);
        return;
      }
      case 'remove':
        remove.run(group, position, index);
        return;
      case 'discard':
        keepDiscarded.run(change.note, change.by, change.at, group, position, index);
        remove.run(group, position, index);
        return;
      default:
        assertNever(change);
    }
  };

  return {
    checkpoints: (): Map<string, number> =>
      new Map(
        db
          .prepare('select grp, position from checkpoint')
          .all()
          .map((row) => [String(row.grp), Number(row.position)]),
      ),
    /** What speaks of a record beyond that position, if anything does. */
    beyond: (position: number): { readonly what: string; readonly position: number } | undefined => {
      const row = db
        .prepare(
          `select position, 'the checkpoint of ' || grp as what from checkpoint where position > :position
           union all select position, 'a message of ' || grp || ' that waits' from parked where position > :position
           order by position desc limit 1`,
        )
        .get({ position });
      return row && { what: String(row.what), position: Number(row.position) };
    },
    /** A group's parked messages without their bodies, in the order of their places. */
    parkedOf: (group: string): ParkedHeader[] =>
      db
        .prepare(
          'select grp, position, idx, key, message_id, state, attempts, error, parked_at, retry_at from parked where grp = ? order by position, idx',
        )
        .all(group)
        .map(headerOf),
    /** The places past a position whose messages were discarded: they must not be handled when read again. */
    discardedAfter: (group: string, position: number): Place[] =>
      db
        .prepare('select position, idx from discarded where grp = ? and position > ?')
        .all(group, position)
        .map((row) => ({ group, position: Number(row.position), index: Number(row.idx) })),
    /** Everything that is parked, and everything that was discarded, in the order of groups and places: to be moved elsewhere. */
    allParked: (): ParkedMessage[] =>
      db.prepare('select * from parked order by grp, position, idx').all().map(parkedOf),
    allDiscarded: (): DiscardedMessage[] =>
      db.prepare('select * from discarded order by grp, position, idx').all().map(discardedOf),
    find: ({ group, position, index }: Place): ParkedMessage | undefined => {
      const row = find.get(group, position, index);
      return row === undefined ? undefined : parkedOf(row);
    },
    listDead: (after: Place | undefined, max: number, key: OrderId | undefined): ParkedMessage[] => {
      const { position, index, group } = after ?? { position: -1, index: -1, group: '' };
      const rows =
        key === undefined
          ? deadOfAll.all(position, index, group, max)
          : deadOfKey.all(position, index, group, key, max);
      return rows.map(parkedOf);
    },
    /** Makes changes and checkpoints durable, all or none. Throws where the disk does not take them. */
    write: (changes: readonly Change<Place>[], checkpoints: readonly (readonly [string, number])[]): void => {
      db.exec('begin immediate');
      try {
        for (const change of changes) apply(change);
        for (const [group, position] of checkpoints) checkpoint.run(group, position);
        db.exec('commit');
      } catch (error) {
        if (db.isTransaction) db.exec('rollback');
        throw error;
      }
    },
    close: (): void => db.close(),
  };
};

/** The open `delivery.db`. */
export type DeliveryStore = ReturnType<typeof openDeliveryStore>;

const parameters = ({ place, message, standing, parkedAt }: Extract<Change<Place>, { change: 'park' }>) => ({
  grp: place.group,
  position: place.position,
  idx: place.index,
  topic: message.topic,
  key: message.key,
  type: message.type,
  messageId: message.id,
  ...standing,
  parkedAt,
  message: JSON.stringify(message),
});

type Row = Record<string, SQLOutputValue>;

const headerOf = (row: Row): ParkedHeader => ({
  group: String(row.grp),
  position: Number(row.position),
  index: Number(row.idx),
  key: row.key as OrderId,
  messageId: String(row.message_id),
  state: row.state as ParkedMessage['state'],
  attempts: Number(row.attempts),
  error: row.error === null ? null : String(row.error),
  parkedAt: Number(row.parked_at),
  retryAt: row.retry_at === null ? null : Number(row.retry_at),
});

const parkedOf = (row: Row): ParkedMessage => {
  const { index, ...header } = headerOf(row);
  return {
    ...header,
    id: parkedId({ ...header, index }),
    topic: row.topic as ParkedMessage['topic'],
    type: String(row.type),
    message: JSON.parse(String(row.message)) as Message,
  };
};

const discardedOf = (row: Row): DiscardedMessage => {
  const { state: _, retryAt: __, ...parked } = parkedOf({ ...row, retry_at: null });
  const { note, discarded_by: by, discarded_at: at } = row;
  return { ...parked, note: String(note), discardedBy: String(by), discardedAt: Number(at) };
};
