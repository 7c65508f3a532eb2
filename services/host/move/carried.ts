import type { DiscardedMessage } from '@recourse/infra/broker/delivery-store';
import { partitionOf } from '@recourse/infra/kafka/partition';
import type { Message } from '@recourse/infra/ports/broker';
import type { PendingTimer } from '@recourse/infra/ports/timer-store';
import type { Spot } from '@recourse/infra/postgres/deliveries';
import { storable, writtenOf } from '@recourse/infra/postgres/delivery-changes';
import type { Chart } from '../machines/kept-charts.ts';
import type { Undone, Waiting } from './undone.ts';

/** What is not in the log, as PostgreSQL is to hold it: positions are those of the target. */
export type Carried = {
  readonly undone: Undone;
  readonly timers: readonly PendingTimer[];
  /** By version of the saga. */
  readonly charts: ReadonlyMap<number, Chart>;
  readonly partitions: number;
  readonly shards: number;
};

/** Puts places of the target where those of the folder stand. */
export const placed = (
  { undone, timers, ...rest }: Carried,
  places: ReadonlyMap<number, number>,
): Carried => {
  const at = (position: number): number => places.get(position) ?? position;
  const moved = <T extends { readonly message: Message }>(it: T): T => ({
    ...it,
    message: { ...it.message, position: at(it.message.position) },
  });
  return {
    ...rest,
    timers: timers.map((timer) => ({ ...timer, position: at(timer.position) })),
    undone: {
      relayFrom: at(undone.relayFrom),
      waiting: undone.waiting.map(moved),
      discarded: undone.discarded.map(moved),
    },
  };
};

/** The positions of the folder that `placed` asks for. */
export const positionsIn = ({ undone, timers }: Carried): ReadonlySet<number> =>
  new Set([
    undone.relayFrom,
    ...[...undone.waiting, ...undone.discarded].map(({ message }) => message.position),
    ...timers.map(({ position }) => position),
  ]);

/**
 * Messages that wait stand before every offset of their partition, each at a place of its own: negative ones, in the
 * order in which their group has to handle them.
 */
const spotOf = ({ topic, key }: Message, place: number, partitions: number): Spot => ({
  topic,
  partition: partitionOf(key, partitions),
  offset: place,
  stamp: 0,
});

/** The rows of the waiting table by group, in their order. */
export const rowsByGroup = ({ undone: { waiting }, partitions }: Carried) => {
  const byGroup = new Map<string, Waiting[]>();
  for (const it of waiting) byGroup.set(it.group, [...(byGroup.get(it.group) ?? []), it]);
  return [...byGroup].map(([group, all]) => {
    const { parks } = writtenOf(
      all.map(({ message, parkedAt, ...standing }, index) => ({
        change: 'park',
        place: spotOf(message, index - all.length, partitions),
        message,
        parkedAt,
        standing,
        onWritten: () => {},
      })),
    );
    return { group, parks };
  });
};

/** The rows of the table of what was discarded. Their ids are negative: the server gives such to no row. */
export const discardedRows = ({ undone: { discarded }, partitions }: Carried) =>
  discarded.map((it: DiscardedMessage, index) => {
    const place = index - discarded.length;
    const spot = spotOf(it.message, place, partitions);
    return {
      id: place,
      grp: it.group,
      topic: spot.topic,
      part: spot.partition,
      place,
      stamp: spot.stamp,
      key: it.key,
      type: it.type,
      message_id: storable(it.messageId),
      position: it.message.position,
      attempts: it.attempts,
      error: it.error === null ? null : storable(it.error),
      parked_at: it.parkedAt,
      message: JSON.stringify(it.message),
      note: storable(it.note),
      discarded_by: storable(it.discardedBy),
      discarded_at: it.discardedAt,
    };
  });

/** The rows of the table of timers. */
export const timerRows = ({ timers, partitions }: Carried): readonly Readonly<Record<string, unknown>>[] =>
  timers.map(({ timerId, orderId, causation, position, kind, afterMs, dueAt }) => ({
    timer_id: timerId,
    partition: partitionOf(orderId, partitions),
    order_id: orderId,
    causation,
    position,
    kind,
    after_ms: afterMs,
    due_at: dueAt,
  }));

/** The rows of the table of charts. */
export const chartRows = ({ charts }: Carried): readonly (readonly [number, string])[] =>
  [...charts].map(([version, kept]) => [version, JSON.stringify(kept)]);
