import { UnavailableError } from '@recourse/infra/errors';
import { type Reads, select } from '@recourse/infra/project/select';
import {
  type Books,
  type BooksCounts,
  type Compared,
  comparedSql,
  conditionsOf,
  judge,
  unknownEntry,
} from './ledger-books.ts';
import type { ViolationList } from './ledger-violations.ts';

/** Entries of the books that the log does not say enough about yet, looked at a second time: PostgreSQL only. */

/** An entry as the books have it. */
export type Entry = {
  readonly key: string;
  readonly done: 0 | 1;
  readonly amount: number;
  readonly currency: string;
};

/** The most entries of one kind that are looked at again, and how many of them in one statement. */
const openMax = 200_000;
const chunkEntries = 10_000;

/**
 * The entries whose act is open, or not known. They are few unless the accounts are far behind the log; rejects with
 * `UnavailableError` where they are too many to be kept.
 */
export function* openEntries(books: Books, counts: BooksCounts): Reads<readonly Entry[]> {
  const { kind, accepted, money } = books;
  const { inFlight, openWrong } = conditionsOf(books);
  const columns = `b.key, case when ${accepted} then 1 else 0 end as done,
    ${money ? 'b.amount, b.currency' : `0 as amount, '' as currency`}`;
  const open =
    counts.inFlight + counts.openWrong === 0
      ? []
      : yield* select<Entry>(
          `select ${columns} from ${kind} a join simulated_${kind} b on b.key = a.commandId
           where a.outcome is null and (${inFlight} or ${openWrong}) limit ${openMax + 1}`,
        );
  // Keys are unique on both sides: only where the numbers differ there is an entry to be looked for.
  const unknown =
    counts.entries === counts.matched
      ? []
      : yield* select<Entry>(
          `select ${columns} from simulated_${kind} b left join ${kind} a on a.commandId = b.key
           where a.commandId is null limit ${openMax + 1}`,
        );
  if (open.length + unknown.length > openMax)
    throw new UnavailableError(
      `more than ${openMax} ${kind} in the books have no outcome yet in the accounts`,
    );
  return [...open, ...unknown];
}

type Looked = Omit<Compared, 'commandId'> & {
  readonly commandId: string | null;
  readonly key: string;
  readonly inFlight: 0 | 1;
  readonly wrong: 0 | 1;
};

/** Judges them by the acts as they are now; returns how many are still in flight. */
export function* judgeOpen(
  books: Books,
  entries: readonly Entry[],
  violations: ViolationList,
): Reads<number> {
  const { kind } = books;
  const again: Books = { ...books, accepted: 'b.done = 1' };
  const { inFlight, openWrong, settledWrong } = conditionsOf(again);
  const sql = `select b.key, case when ${inFlight} then 1 else 0 end as inFlight,
      case when ${openWrong} or ${settledWrong} then 1 else 0 end as wrong, ${comparedSql(again)}
    from json_to_recordset(?::json) b (key text, done bigint, amount bigint, currency text)
      left join ${kind} a on a.commandId = b.key left join accounts o on o.position = a.account`;
  const looked: Looked[] = [];
  let flying = 0;
  for (let from = 0; from < entries.length; from += chunkEntries) {
    const chunk = JSON.stringify(entries.slice(from, from + chunkEntries));
    for (const it of yield* select<Looked>(sql, Number.MAX_SAFE_INTEGER, chunk)) {
      flying += it.inFlight;
      if (it.commandId === null || it.wrong === 1) looked.push(it);
    }
  }
  looked.sort(byAccount);
  for (const { commandId, ...it } of looked)
    if (commandId === null) unknownEntry(kind, it.key, violations);
    else judge(kind, { ...it, commandId }, violations);
  return flying;
}

/** By account and key, those that are not known last. */
const byAccount = (one: Looked, other: Looked): number => {
  const [a, b] = [one, other].map(({ commandId, account }) =>
    commandId === null ? Number.POSITIVE_INFINITY : account,
  ) as [number, number];
  if (a !== b) return a - b;
  return one.key < other.key ? -1 : 1;
};
