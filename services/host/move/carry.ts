import { partitionOf } from '@recourse/infra/kafka/partition';
import type { Postgres, Sql } from '@recourse/infra/postgres/connect';
import { groupDeliveries } from '@recourse/infra/postgres/deliveries';
import { openPostgresTimerStore } from '@recourse/infra/postgres/timer-store';
import { type Carried, chartRows, discardedRows, rowsByGroup, timerRows } from './carried.ts';
import type { Differences } from './differences.ts';

/** How many rows one statement writes. */
const rowsMax = 500;

const insertDiscarded = `
  insert into discarded select * from jsonb_to_recordset($1::jsonb) as (id bigint, grp text, topic text, part int,
    place bigint, stamp bigint, key text, type text, message_id text, position bigint, attempts int, error text,
    parked_at bigint, message text, note text, discarded_by text, discarded_at bigint)`;

const insertCheckpoints =
  'insert into relay_checkpoint (shards, shard, position) select $1, shard, $2 from generate_series(0, $1 - 1) as shard';

/** Puts what is carried over in the place of whatever stands there, all of it or nothing. */
export const carry = (postgres: Postgres, carried: Carried): Promise<void> =>
  postgres.transaction(async (query) => {
    for (const table of ['parked', 'discarded', 'timer', 'relay_checkpoint'])
      await query(`delete from ${table}`);
    const within: Postgres = { ...postgres, query, transaction: (run) => run(query) };
    for (const { group, parks } of rowsByGroup(carried))
      for (const rows of chunksOf(parks))
        await groupDeliveries(within, group).write([], { parks: rows, stands: [], removes: [] });
    for (const rows of chunksOf(discardedRows(carried))) await query(insertDiscarded, [JSON.stringify(rows)]);
    const partition = (orderId: string) => partitionOf(orderId, carried.partitions);
    await openPostgresTimerStore({ postgres: within, partitionOf: partition }).write([], carried.timers);
    for (const [version, text] of chartRows(carried))
      await query(
        'insert into machine_chart values ($1, $2) on conflict (version) do update set chart = excluded.chart',
        [version, text],
      );
    await query(insertCheckpoints, [carried.shards, carried.undone.relayFrom]);
  });

function* chunksOf<T>(rows: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < rows.length; from += rowsMax) yield rows.slice(from, from + rowsMax);
}

const parkedColumns =
  'topic, part, place, stamp, state, attempts, error, retry_at, key, type, message_id, position, parked_at, message';
const discardedColumns =
  'id, grp, topic, part, place, stamp, key, type, message_id, position, attempts, error, parked_at, message, note, discarded_by, discarded_at';
const timerColumns = 'timer_id, partition, order_id, causation, position, kind, after_ms, due_at';

type Row = Readonly<Record<string, unknown>>;

/** Compares what PostgreSQL holds with what is carried over, row by row. */
export const compareCarried = async (query: Sql, carried: Carried, found: Differences): Promise<void> => {
  const compare = (what: string, expected: readonly Row[], there: readonly Row[]) => {
    if (there.length !== expected.length)
      found.add(`${what}: ${expected.length} in the folder, ${there.length} in the target`);
    for (const [index, row] of expected.entries()) {
      const other = there[index];
      const column = other && Object.keys(row).find((name) => row[name] !== other[name]);
      if (column !== undefined) found.add(`${what} ${index + 1}: ${column} is not what it is in the folder`);
    }
  };

  const groups = rowsByGroup(carried).map(({ group }) => group);
  const [other] = await query<{ count: number }>(
    'select count(*) as count from parked where grp <> all($1)',
    [groups],
  );
  if (other!.count > 0) found.add(`${other!.count} messages wait in the target for groups that have none`);
  for (const { group, parks } of rowsByGroup(carried)) {
    const rows = await query<Row>(`select ${parkedColumns} from parked where grp = $1 order by id`, [group]);
    compare(`messages that wait for ${group}`, parks, rows);
  }
  const discarded = await query<Row>(`select ${discardedColumns} from discarded order by id`);
  compare('discarded messages', discardedRows(carried), discarded);
  const timers = await query<Row>(`select ${timerColumns} from timer order by timer_id`);
  compare('timers', timerRows(carried), timers);
  const charts = await query<Row>('select version, chart from machine_chart order by version');
  const expected = new Map(chartRows(carried));
  for (const { version, chart: text } of charts)
    if (expected.get(version as number) !== undefined && expected.get(version as number) !== text)
      found.add(`the chart of version ${version} is not what it is in the folder`);
  if ([...expected.keys()].some((version) => !charts.some((row) => row.version === version)))
    found.add('charts of the machines are missing');
  const checkpoints = await query<Row>(
    'select shards, shard, position from relay_checkpoint order by shards, shard',
  );
  const { shards, undone } = carried;
  const wanted = Array.from({ length: shards }, (_, shard) => ({
    shards,
    shard,
    position: undone.relayFrom,
  }));
  compare('checkpoints of the relay', wanted, checkpoints);
};
