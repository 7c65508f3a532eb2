import type { Topic } from '@recourse/contracts/registry';
import type { Change } from '../broker/changes.ts';
import { type WorkOptions, working } from '../broker/working.ts';
import type { Message } from '../ports/broker.ts';
import type { Decision } from '../postgres/deliveries.ts';
import type { Spot } from '../postgres/delivery-changes.ts';
import { type InHand, nameOf, type Track, trackTable } from './tracks.ts';

/** What the worker of an assignment is made with. */
export type WorkerOptions = WorkOptions & {
  readonly group: string;
  readonly partitions: ReadonlyMap<Topic, readonly number[]>;
  readonly handle: (message: Message) => Promise<void>;
  readonly record: (change: Change<Spot>) => void;
  readonly read: (spot: Spot) => Promise<Message | undefined>;
};

const isSame = (one: Spot, other: Spot) =>
  one.offset === other.offset &&
  one.partition === other.partition &&
  one.topic === other.topic &&
  one.stamp === other.stamp;

/**
 * One assignment of a group at work: hands messages to the handler, one of a key at a time over all topics and keys in
 * parallel, and knows up to which offset of each partition nothing is in hand any more.
 */
export const assignmentWorker = (options: WorkerOptions) => {
  const tracks = trackTable(options.partitions);
  const work = working<Spot, InHand>({ ...options, isSame, inHand: tracks, placeOf: ({ at }) => at });
  const { parked } = work;

  /**
   * Takes one message, or says that there is no room for it. What was discarded, or is parked already, is passed over:
   * it has come again.
   */
  const take = (track: Track, message: Message, spot: Spot): boolean => {
    if (work.isFull()) return false;
    passOver(track, spot.offset);
    if (track.discarded.size > 0 && track.discarded.delete(nameOf(spot))) return true;
    const first = parked.of(message.key);
    if (first === undefined) work.begin(tracks.add(track, message, spot));
    else if (!first.rows.some(({ place }) => isSame(place, spot))) parked.follow(first, message, spot);
    return true;
  };

  /** Goes on behind an offset: what stood there is none of the handler's business any more. */
  const passOver = (track: Track, offset: number): void => {
    track.next = offset + 1;
    options.onProgress();
  };

  return {
    take,
    passOver,
    tracks,
    counts: parked.count,
    /** Takes up what was parked before, and begins to try it again. */
    load: parked.load,
    /** What a person has decided, and has written. */
    decided: ({ key, decision, ...spot }: Decision): void => {
      if (decision === 'redrive') parked.redrive(key, spot, () => {});
      else {
        const track = tracks.of(spot);
        // It may be read again, and is not parked any more then.
        if (track !== undefined && spot.offset >= track.next) track.discarded.add(nameOf(spot));
        parked.discard(key, spot, () => {});
      }
      options.onProgress();
    },
    hasRoom: work.hasRoom,
    holdsBecause: work.holdsBecause,
    problem: work.problem,
    hasLeft: work.hasLeft,
    stop: work.stop,
    idle: work.idle,
  };
};

/** An assignment at work. */
export type AssignmentWorker = ReturnType<typeof assignmentWorker>;
