import type { Topic } from '@recourse/contracts/registry';
import type { Change, Standing } from '../broker/changes.ts';

/** Where a message stands on Kafka; `stamp` is the broker's time, which tells a topic that was made anew apart. */
export type Spot = {
  readonly topic: Topic;
  readonly partition: number;
  readonly offset: number;
  readonly stamp: number;
};

/** A change of the waiting table as its statements take it: columns by name. */
type Place = {
  readonly topic: string;
  readonly part: number;
  readonly place: number;
  readonly stamp: number;
};
type Stand = Place & Pick<Standing, 'state' | 'attempts' | 'error'> & { readonly retry_at: number | null };
type Park = Stand & {
  readonly key: string;
  readonly type: string;
  readonly message_id: string;
  readonly position: number;
  readonly parked_at: number;
  readonly message: string;
};

/** What several changes come to: at most one row for each place. */
export type Written = {
  readonly parks: readonly Park[];
  readonly stands: readonly Stand[];
  readonly removes: readonly Place[];
};

type Parking = Extract<Change<Spot>, { change: 'park' }>;
type Row = { readonly spot: Spot; park: Parking | undefined; standing: Standing | undefined; gone: boolean };

/** Puts together what happened to each place, in the order in which it happened. Nobody discards here. */
export const writtenOf = (changes: readonly Change<Spot>[]): Written => {
  const rows = new Map<string, Row>();
  for (const change of changes) {
    const { place: spot } = change;
    const name = `${spot.topic}/${spot.partition}/${spot.offset}/${spot.stamp}`;
    const row = rows.get(name) ?? { spot, park: undefined, standing: undefined, gone: false };
    rows.set(name, row);
    if (change.change === 'park') row.park = change;
    else if (change.change === 'stand') row.standing = change.standing;
    else row.gone = true;
  }
  const all = [...rows.values()];
  return {
    parks: all.flatMap(({ spot, park, standing, gone }) =>
      park === undefined || gone ? [] : [parkOf(spot, park, standing ?? park.standing)],
    ),
    stands: all.flatMap(({ spot, park, standing, gone }) =>
      park !== undefined || gone || standing === undefined ? [] : [standOf(spot, standing)],
    ),
    // Also what was parked in the same breath: it may be there, where the answer to an earlier write was lost.
    removes: all.flatMap(({ spot, gone }) => (gone ? [placeOf(spot)] : [])),
  };
};

const placeOf = ({ topic, partition, offset, stamp }: Spot): Place => ({
  topic,
  part: partition,
  place: offset,
  stamp,
});

const standOf = (spot: Spot, { state, attempts, error, retryAt }: Standing): Stand => ({
  ...placeOf(spot),
  state,
  attempts,
  error: error === null ? null : storable(error),
  retry_at: retryAt,
});

const parkOf = (spot: Spot, { message, parkedAt }: Parking, standing: Standing): Park => ({
  ...standOf(spot, standing),
  key: message.key,
  type: message.type,
  message_id: storable(message.id),
  position: message.position,
  parked_at: parkedAt,
  message: JSON.stringify(message),
});

/** Text that PostgreSQL takes: it has no NUL and no lone surrogates. */
export const storable = (text: string): string => text.toWellFormed().replaceAll('\0', '\ufffd');
