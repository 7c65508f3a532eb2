import type { Topic } from '@recourse/contracts/registry';
import { type Entry, inHandList } from '../broker/in-hand.ts';
import type { Message } from '../ports/broker.ts';
import type { Spot } from '../postgres/delivery-changes.ts';

/** A message in hand, and where it stands. */
export type InHand = Entry<Spot>;

/** How far an assignment has come in one partition of one topic. */
export type Track = {
  readonly topic: Topic;
  readonly partition: number;
  /** Where it began, once that is known. */
  start: number;
  /** Its first batch was seen to begin there. */
  begun: boolean;
  /** The offset after the last message taken. */
  next: number;
  /** The offset that was last committed. */
  committed: number;
  readonly inHand: ReturnType<typeof inHandList<Spot>>;
  /** What a person has discarded and may come again, as `nameOf` says it. */
  readonly discarded: Set<string>;
};

/** An offset to commit: everything below it is handled, or safely parked. */
export type Done = { readonly topic: Topic; readonly partition: number; readonly offset: number };

/** Names a message within its partition. */
export const nameOf = ({ offset, stamp }: Spot): string => `${offset}/${stamp}`;

/** The partitions of an assignment. */
export const trackTable = (partitions: ReadonlyMap<Topic, readonly number[]>) => {
  const tracks = new Map<Topic, Map<number, Track>>();
  for (const [topic, numbers] of partitions) {
    const of = new Map<number, Track>();
    for (const partition of numbers) of.set(partition, newTrack(topic, partition));
    tracks.set(topic, of);
  }
  const all = [...tracks.values()].flatMap((of) => [...of.values()]);
  let size = 0;

  return {
    all: all as readonly Track[],
    of: ({ topic, partition }: { readonly topic: Topic; readonly partition: number }): Track | undefined =>
      tracks.get(topic)?.get(partition),
    /** How many messages are in hand in all. */
    size: (): number => size,
    add: (track: Track, message: Message, spot: Spot): InHand => {
      size += 1;
      return track.inHand.add(message, spot);
    },
    remove: (entry: InHand): void => {
      size -= 1;
      tracks.get(entry.at.topic)!.get(entry.at.partition)!.inHand.remove(entry);
    },
    /** Up to where everything is done with, of the partitions where that has moved since the last commit. */
    done: (): readonly Done[] =>
      all.flatMap((track) => {
        const { topic, partition, inHand, next, committed } = track;
        const offset = inHand.lowest()?.at.offset ?? next;
        return offset > committed ? [{ topic, partition, offset }] : [];
      }),
  };
};

const newTrack = (topic: Topic, partition: number): Track => ({
  topic,
  partition,
  start: 0,
  begun: false,
  next: 0,
  committed: 0,
  inHand: inHandList<Spot>(),
  discarded: new Set(),
});
