import type { OrderId } from '@recourse/contracts/ids';
import { type DiscardedMessage, placeOf } from '@recourse/infra/broker/delivery-store';
import { messagesOf } from '@recourse/infra/broker/messages';
import { StartError } from '@recourse/infra/errors';
import type { ConsumerGroup, Message, ParkedMessage } from '@recourse/infra/ports/broker';
import type { FolderToMove } from './folder.ts';
import { presentForm, recordsOf } from './records.ts';

/** A message that waits, as it is carried over; positions are those of the folder. */
export type Waiting = Pick<
  ParkedMessage,
  'group' | 'message' | 'state' | 'attempts' | 'error' | 'parkedAt' | 'retryAt'
>;

/** What the consumer groups of a folder have left undone. */
export type Undone = {
  /**
   * What stands up to here in the folder's log is published no more: every group has handled it, or it is among what
   * waits.
   */
  readonly relayFrom: number;
  /** By group, in the order in which each group has to handle them. */
  readonly waiting: readonly Waiting[];
  readonly discarded: readonly DiscardedMessage[];
};

/** The most messages of one group that are carried over without having been tried. */
const untriedMax = 100_000;

/**
 * Where the consumer groups stand. The relay goes on behind the lowest checkpoint, and behind every message that some
 * group has parked or discarded: so nothing that waits is published besides, and nothing discarded comes again. What a
 * group has not handled up to there waits for it, too. What it may have handled already comes again, as it would at the
 * next start of the folder. Commands to somebody else's program that are not published any more are asked for again by
 * their sagas.
 *
 * Throws the `StartError` `move-group-gone` where messages wait for a group that the installation does not have, and
 * `move-lagging` where a group has to catch up first.
 */
export const undoneOf = (
  { source, deliveries }: FolderToMove,
  groups: readonly Pick<ConsumerGroup, 'group' | 'topics'>[],
  isOurs: (group: Pick<ConsumerGroup, 'group'>) => boolean,
): Undone => {
  const [parked, discarded] = [deliveries.allParked(), deliveries.allDiscarded()];
  const taken = groups.filter(isOurs);
  refuseGone(parked, new Set(taken.map(({ group }) => group)));
  const checkpoints = deliveries.checkpoints();
  const lowest = Math.min(...groups.map(({ group }) => checkpoints.get(group) ?? 0));
  const places = [...parked, ...discarded].map(({ position }) => position);
  const relayFrom = places.reduce((one, other) => Math.max(one, other), lowest);

  const desks = taken.map(({ group, topics }) =>
    openDesk(group, new Set(topics), checkpoints.get(group) ?? 0, parked, discarded),
  );
  let position = lowest;
  for (const records of recordsOf(source, lowest, relayFrom))
    for (const stored of records) {
      position += 1;
      const record = presentForm(stored, position);
      for (const desk of desks) {
        if (position <= desk.checkpoint) continue;
        for (const [index, message] of messagesOf(record, desk.topics).entries())
          if (message !== undefined) desk.take(message, index);
      }
    }
  return { relayFrom, waiting: desks.flatMap(({ rows }) => rows), discarded };
};

const refuseGone = (parked: readonly ParkedMessage[], groups: ReadonlySet<string>): void => {
  const gone = parked.filter(({ group }) => !groups.has(group));
  if (gone.length === 0) return;
  const names = [...new Set(gone.map(({ group }) => group))].join(', ');
  throw new StartError(
    'move-group-gone',
    `${gone.length} messages wait, or are dead letters, for ${names}, and the installation that FOREIGN describes has no such group. ` +
      'Start the folder once more and redrive or discard them, or move without FOREIGN. Nothing was changed.',
  );
};

type Place = { readonly position: number; readonly index: number };

const isAfter = (one: Place, other: Place) =>
  one.position > other.position || (one.position === other.position && one.index > other.index);

/** What waits for one group, and how more is added: as the group itself would, reading on from its checkpoint. */
const openDesk = (
  group: string,
  topics: ReadonlySet<Message['topic']>,
  checkpoint: number,
  parked: readonly ParkedMessage[],
  discarded: readonly DiscardedMessage[],
) => {
  const rows: Waiting[] = [];
  /** By order: the last place that was parked before, and the messages that wait. */
  const keys = new Map<OrderId, { readonly last: Place | undefined; readonly ids: Set<string> }>();
  const dropped = new Set(discarded.filter((it) => it.group === group).map(({ id }) => nameOf(placeOf(id)!)));
  let untried = 0;
  for (const it of parked) {
    if (it.group !== group) continue;
    const ids = keys.get(it.key)?.ids ?? new Set();
    keys.set(it.key, { last: placeOf(it.id), ids: ids.add(it.messageId) });
    rows.push(it);
  }

  return {
    topics,
    checkpoint,
    rows,
    take: (message: Message, index: number): void => {
      const place = { position: message.position, index };
      if (dropped.has(nameOf(place))) return;
      const first = keys.get(message.key);
      const isPast = first?.last !== undefined && !isAfter(place, first.last);
      if (isPast || first?.ids.has(message.id) === true) return;
      untried += 1;
      if (untried > untriedMax) throw lagging(group);
      if (first === undefined) keys.set(message.key, { last: undefined, ids: new Set([message.id]) });
      else first.ids.add(message.id);
      const isFirst = first === undefined;
      rows.push({
        group,
        message,
        state: isFirst ? 'waiting' : 'behind',
        attempts: 0,
        error: null,
        parkedAt: message.time,
        retryAt: isFirst ? message.time : null,
      });
    },
  };
};

const nameOf = ({ position, index }: Place): string => `${position}:${index}`;

const lagging = (group: string) =>
  new StartError(
    'move-lagging',
    `The group ${group} has more than ${untriedMax} messages of the folder to handle yet: start the folder once more, let it catch up (GET /metrics shows the lag), and move it then. Nothing was changed.`,
  );
