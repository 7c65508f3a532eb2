import type { Topic } from '@recourse/contracts/registry';
import type { Clock } from '../ports/clock.ts';
import type { PoisonMessage, PoisonMessages } from '../ports/poison.ts';
import type { Postgres } from './connect.ts';
import { storable } from './delivery-changes.ts';

/** The most that one list holds. */
const listMax = 1_000;

/** A poison message as it was met. */
export type FoundPoison = Omit<PoisonMessage, 'id' | 'foundAt'>;

/** The poison messages of an installation. `publish` sends one's bytes to its topic, and resolves when they are there. */
export const postgresPoison = (
  { query }: Postgres,
  clock: Clock,
  publish: (message: PoisonMessage) => Promise<void>,
) => {
  const get = async (id: string): Promise<PoisonMessage | undefined> => {
    const number = numberOf(id);
    if (number === undefined) return undefined;
    const [row] = await query<Row>(`select ${columns} from poison where id = $1 and settled is null`, [
      number,
    ]);
    return row && poisonOf(row);
  };
  const settle = async (
    id: string,
    how: string,
    note: string | null,
    by: string | null,
  ): Promise<boolean> => {
    const number = numberOf(id);
    if (number === undefined) return false;
    const settled = await query(
      `update poison set settled = $2, settled_at = $3, note = $4, settled_by = $5
       where id = $1 and settled is null returning 1`,
      [number, how, clock.now(), note, by],
    );
    return settled.length > 0;
  };

  const port: PoisonMessages = {
    list: async ({ after = idOf(0), max }) => {
      const from = numberOf(after);
      if (from === undefined) return [];
      const rows = await query<Row>(
        `select ${columns} from poison where settled is null and id > $1 order by id limit $2`,
        [from, Math.min(max, listMax)],
      );
      return rows.map(poisonOf);
    },
    get,
    redrive: async (id) => {
      const message = await get(id);
      if (message === undefined) return false;
      // Published first: what fails between is published twice, and lost never.
      await publish(message);
      return settle(id, 'redriven', null, null);
    },
    discard: async (id, note, by) => settle(id, 'discarded', storable(note), storable(by)),
    count: async () => {
      const [row] = await query<{ n: number }>('select count(*) as n from poison where settled is null');
      return row?.n ?? 0;
    },
  };

  return {
    port,
    /** Keeps one; true where it does not stand on the topic for poison yet. */
    keep: async (found: FoundPoison): Promise<boolean> => {
      const { topic, partition, offset, time, group, reason, key, value, headers } = found;
      const kept = headers.map(([name, bytes]) => [storable(name), Buffer.from(bytes).toString('base64')]);
      const [row] = await query<{ sent: boolean }>(
        `with made as (insert into poison (topic, part, place, stamp, grp, reason, key, value, headers, found_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing returning sent)
         select sent from made
         union all select sent from poison where topic = $1 and part = $2 and place = $3 and stamp = $4`,
        [
          topic,
          partition,
          offset,
          time,
          group,
          storable(reason),
          key,
          value,
          JSON.stringify(kept),
          clock.now(),
        ],
      );
      return row?.sent !== true;
    },
    /** Notes that it stands on the topic for poison. */
    sent: async ({ topic, partition, offset, time }: FoundPoison): Promise<void> => {
      await query(
        'update poison set sent = true where topic = $1 and part = $2 and place = $3 and stamp = $4',
        [topic, partition, offset, time],
      );
    },
  };
};

const columns = 'id, topic, part, place, stamp, grp, reason, key, value, headers, found_at';

const idOf = (number: number): string => `poison-${number}`;

const numberOf = (id: string): number | undefined => {
  const [, number] = /^poison-(\d{1,15})$/.exec(id) ?? [];
  return number === undefined ? undefined : Number(number);
};

type Row = {
  readonly id: number;
  readonly topic: Topic;
  readonly part: number;
  readonly place: number;
  readonly stamp: number;
  readonly grp: string;
  readonly reason: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: string;
  readonly found_at: number;
};

const poisonOf = (row: Row): PoisonMessage => ({
  id: idOf(row.id),
  topic: row.topic,
  partition: row.part,
  offset: row.place,
  group: row.grp,
  reason: row.reason,
  time: row.stamp,
  foundAt: row.found_at,
  key: row.key,
  value: row.value,
  headers: (JSON.parse(row.headers) as [string, string][]).map(([name, bytes]) => [
    name,
    Buffer.from(bytes, 'base64'),
  ]),
});
