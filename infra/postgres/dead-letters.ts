import type { OrderId } from '@recourse/contracts/ids';
import type { Topic } from '@recourse/contracts/registry';
import type { DeadLetters, Message, ParkedMessage } from '../ports/broker.ts';
import type { Clock } from '../ports/clock.ts';
import type { Postgres } from './connect.ts';
import { decisionChannel } from './deliveries.ts';
import { storable } from './delivery-changes.ts';

/** The most that one list holds. */
const listMax = 1_000;

/**
 * The dead letters of all groups, of whichever process: what is decided here is written, and told to the process that
 * has the partition, which goes on with it; where none has it, whoever gets it does.
 */
export const postgresDeadLetters = (postgres: Postgres, clock: Clock): DeadLetters => {
  const { query } = postgres;
  const channel = decisionChannel(postgres);

  return {
    list: async ({ after, max, key }) => {
      const from = after === undefined ? { position: -1, row: 0 } : placeOf(after);
      if (from === undefined) return [];
      const limit = Math.min(max, listMax);
      const rows =
        key === undefined
          ? await query<Row>(deadOfAll, [from.position, from.row, limit])
          : await query<Row>(deadOfKey, [from.position, from.row, limit, key]);
      return rows.map(parkedOf);
    },
    get: async (id) => {
      const place = placeOf(id);
      if (place === undefined) return undefined;
      const [row] = await query<Row>(
        `select ${columns} from parked where id = $1 and position = $2 and state = 'dead'`,
        [place.row, place.position],
      );
      return row && parkedOf(row);
    },
    redrive: async (id) => {
      const place = placeOf(id);
      if (place === undefined) return false;
      const told = await query(redrive, [place.row, place.position, clock.now(), channel]);
      return told.length > 0;
    },
    discard: async (id, note, by) => {
      const place = placeOf(id);
      if (place === undefined) return false;
      const values = [place.row, place.position, clock.now(), channel, storable(note), storable(by)];
      return (await query(discard, values)).length > 0;
    },
    counts: async () => {
      const [row] = await query<{ waiting: number; dead: number }>(
        `select count(*) filter (where state <> 'dead') as waiting, count(*) filter (where state = 'dead') as dead
         from parked`,
      );
      return { waiting: row?.waiting ?? 0, dead: row?.dead ?? 0 };
    },
  };
};

const columns =
  'id, grp, topic, key, type, message_id, position, state, attempts, error, parked_at, retry_at, message';

const dead = (where: string) => `
  select ${columns} from parked where state = 'dead' and (position, id) > ($1, $2) ${where}
  order by position, id limit $3`;
const [deadOfAll, deadOfKey] = [dead(''), dead('and key = $4')];

const decided = 'id, grp, topic, part, place, stamp, key';
/** The place of a dead letter and what was decided, for its owner; a decision that was not heard yet is overtaken. */
const told = (decision: string, from: string) => `
  told as (insert into decision (${decided}, decision) select ${decided}, '${decision}' from ${from}
    on conflict (id) do update set decision = excluded.decision)
  select pg_notify($4, grp) from ${from}`;

const redrive = `
  with redriven as (update parked set state = 'waiting', attempts = 0, retry_at = $3
    where id = $1 and position = $2 and state = 'dead' returning ${decided}),
  ${told('redrive', 'redriven')}`;

const kept =
  'id, grp, topic, part, place, stamp, key, type, message_id, position, attempts, error, parked_at, message';
const discard = `
  with gone as (delete from parked where id = $1 and position = $2 and state = 'dead' returning *),
  kept as (insert into discarded (${kept}, note, discarded_by, discarded_at) select ${kept}, $5, $6, $3 from gone),
  ${told('discard', 'gone')}`;

type Row = {
  readonly id: number;
  readonly grp: string;
  readonly topic: Topic;
  readonly key: OrderId;
  readonly type: string;
  readonly message_id: string;
  readonly position: number;
  readonly state: ParkedMessage['state'];
  readonly attempts: number;
  readonly error: string | null;
  readonly parked_at: number;
  readonly retry_at: number | null;
  readonly message: string;
};

const parkedOf = (row: Row): ParkedMessage => ({
  id: `${row.position}-${row.id}`,
  group: row.grp,
  topic: row.topic,
  key: row.key,
  type: row.type,
  messageId: row.message_id,
  position: row.position,
  state: row.state,
  attempts: row.attempts,
  error: row.error,
  parkedAt: row.parked_at,
  retryAt: row.retry_at,
  message: JSON.parse(row.message) as Message,
});

/** The row that an id names, or undefined where it is none. */
const placeOf = (id: string): { readonly position: number; readonly row: number } | undefined => {
  const [, position, row] = /^(\d{1,15})-(\d{1,15})$/.exec(id) ?? [];
  return position === undefined || row === undefined
    ? undefined
    : { position: Number(position), row: Number(row) };
};
