import type { DeadLetterList, Ledger, OrderList } from '@recourse/contracts/http';
import type { ProjectionList } from '@recourse/contracts/http-projections';
import pg from 'pg';
import { ask } from '../../http.ts';
import type { Acknowledged } from './orders.ts';
import { ended } from './progress.ts';

/** What a run must leave behind: everything ended, everything balanced, nothing twice. */
export type Verdict = {
  readonly acknowledged: number;
  /** Acknowledged orders that are not there, or did not end in time. */
  readonly lost: readonly string[];
  readonly completed: number;
  readonly cancelled: number;
  readonly open: number;
  readonly violations: Ledger['violations'];
  /** Of them those that are there, too, once the ledger was folded anew: then it is the log that lacks something. */
  readonly violationsAfterRebuild: Ledger['violations'];
  readonly deadLetters: number;
  /** Charges and parcels beyond one an order, and effects beyond one a command. */
  readonly twice: readonly string[];
};

const endMsMax = 180_000;
const readMsMax = 60_000;
const readAgainMs = 500;
const atOnceMax = 32;

/** Waits until every acknowledged order has ended, then looks at the ledger, the dead letters and the books. */
export const judge = async (
  urls: () => readonly string[],
  postgresUrl: string,
  acknowledged: readonly Acknowledged[],
): Promise<Verdict> => {
  const lost = await lostOf(urls, acknowledged);
  const get = <T>(path: string) => readFrom<T>(urls, path);
  const ledger = await get<Ledger>('/ledger');
  const dead = await get<DeadLetterList>('/dead-letters?limit=500');
  const open = await get<OrderList>('/orders?state=open&limit=5');
  for (const { orderId } of open.items) lost.push(`${orderId} is still open`);
  return {
    acknowledged: acknowledged.length,
    lost,
    ...ledger.orders,
    violations: ledger.violations,
    violationsAfterRebuild: ledger.violations.length === 0 ? [] : await afterRebuild(urls, get),
    deadLetters: dead.items.length,
    twice: await twiceIn(postgresUrl),
  };
};

/** What one of them answers: who was killed last may still be starting. */
const readFrom = async <T>(urls: () => readonly string[], path: string): Promise<T> => {
  const giveUp = AbortSignal.timeout(readMsMax);
  for (let turn = 0; ; turn += 1) {
    const all = urls();
    try {
      const answer = await ask(`${all[turn % all.length]}${path}`);
      if (answer.ok) return (await answer.json()) as T;
      throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    } catch (error) {
      if (giveUp.aborted) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, readAgainMs));
  }
};

/** Folds the ledger anew and looks again. */
const afterRebuild = async (
  urls: () => readonly string[],
  get: <T>(path: string) => Promise<T>,
): Promise<Ledger['violations']> => {
  await ask(`${urls()[0]}/projections/ledger/rebuild`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ pace: 'full' }),
  });
  const giveUp = AbortSignal.timeout(endMsMax);
  for (;;) {
    const { items } = await get<ProjectionList>('/projections');
    const ledger = items.find(({ name }) => name === 'ledger');
    if (ledger?.rebuild === null && ledger.build > 0) break;
    if (giveUp.aborted) throw new Error('the ledger was not folded anew in time');
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return (await get<Ledger>('/ledger')).violations;
};

const lostOf = async (urls: () => readonly string[], acknowledged: readonly Acknowledged[]) => {
  const lost: string[] = [];
  const left = [...acknowledged];
  const giveUp = AbortSignal.timeout(endMsMax);
  const worker = async () => {
    for (let it = left.pop(); it !== undefined; it = left.pop()) {
      const order = await ended(urls, it.orderId, () => giveUp.aborted);
      if (order === undefined) lost.push(`${it.orderId} has not ended`);
    }
  };
  await Promise.all(Array.from({ length: atOnceMax }, worker));
  return lost;
};

/** The books as the provider and the carrier would read them, and the log: one effect a command, one charge an order. */
const twiceIn = async (postgresUrl: string): Promise<string[]> => {
  const client = new pg.Client({ connectionString: postgresUrl, options: '-c search_path=recourse' });
  await client.connect();
  try {
    const twice: string[] = [];
    for (const table of ['simulated_charges', 'simulated_authorizations', 'simulated_shipments']) {
      const { rows } = await client.query(
        `select "orderId" as id, count(*) as n from ${table} group by 1 having count(*) > 1 limit 20`,
      );
      for (const { id, n } of rows) twice.push(`${table}: ${n} for order ${id}`);
    }
    return twice;
  } finally {
    await client.end();
  }
};
