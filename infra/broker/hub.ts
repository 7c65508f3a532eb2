import type { Topic } from '@recourse/contracts/registry';
import { UnknownVersionError } from '../errors.ts';
import type { EventLog, RecordedEvent, Subscription } from '../ports/event-log.ts';
import type { GroupWorker } from './group-worker.ts';
import { messagesOf } from './messages.ts';

/** A group and where it reads: with the hub at the head of the log, or behind it on its own. */
export type Member = {
  readonly worker: GroupWorker;
  /** All records up to here have been offered to it, while it is behind. */
  readTo: number;
  live: boolean;
  /** Its own follower, while it is behind. */
  behind: Subscription | undefined;
};

/** How many records are asked of the log at once. */
const batchMax = 256;

/**
 * Reads the log once for all groups that keep up: each record is turned into messages once, and goes to those that
 * subscribed to their topics. A group that has no room reads on by itself, from the log, until it has caught up, and
 * holds nobody up.
 */
export const openHub = (
  log: EventLog,
  head: number,
  onProgress: () => void,
  onFatal: (error: UnknownVersionError) => void,
) => {
  const subscribers = new Map<Topic, Member[]>();
  let position = head;
  let halted = false;

  /** The messages of a record; where it cannot be understood, nobody gets anything any more. */
  const understood = (record: RecordedEvent, wanted: { has(topic: Topic): boolean }) => {
    try {
      return messagesOf(record, wanted);
    } catch (error) {
      if (!(error instanceof UnknownVersionError)) throw error;
      halted = true;
      onFatal(error);
      return [];
    }
  };

  const offer = (record: RecordedEvent) => {
    const messages = understood(record, subscribers);
    if (halted) return;
    for (let index = 0; index < messages.length; index += 1) {
      const message = messages[index];
      if (message === undefined) continue;
      for (const member of subscribers.get(message.topic)!) {
        if (member.live && !member.worker.take(message, index)) readAlone(member, record.position - 1);
      }
    }
    position = record.position;
  };

  const onRecords = (records: readonly RecordedEvent[]) => {
    for (const record of records) if (!halted && record.position > position) offer(record);
    onProgress();
  };

  const readAlone = (member: Member, after: number) => {
    member.live = false;
    member.readTo = after;
    const own = log.follow(after, batchMax, (records) => catchUp(member, own, records));
    member.behind = own;
  };

  const catchUp = async (member: Member, own: Subscription, records: readonly RecordedEvent[]) => {
    const { worker } = member;
    for (const record of records) {
      if (halted || worker.hasLeft()) return;
      const messages = understood(record, worker.topics);
      for (let index = 0; index < messages.length; index += 1) {
        const message = messages[index];
        while (message !== undefined && !worker.hasLeft() && !worker.take(message, index))
          await worker.hasRoom();
      }
      if (halted || worker.hasLeft()) return;
      member.readTo = record.position;
    }
    onProgress();
    if (member.readTo < position) return;
    member.live = true;
    member.behind = undefined;
    void own.close();
  };

  const follower = log.follow(head, batchMax, onRecords);

  return {
    join: (worker: GroupWorker, checkpoint: number): Member => {
      const member: Member = { worker, readTo: checkpoint, live: true, behind: undefined };
      for (const topic of worker.topics) subscribers.set(topic, [...(subscribers.get(topic) ?? []), member]);
      if (checkpoint < position) readAlone(member, checkpoint);
      return member;
    },
    /** Offers nothing more to a group; a second time does nothing. */
    leave: (member: Member): void => {
      member.readTo = readTo(member);
      member.live = false;
      for (const topic of member.worker.topics) {
        const others = (subscribers.get(topic) ?? []).filter((other) => other !== member);
        if (others.length === 0) subscribers.delete(topic);
        else subscribers.set(topic, others);
      }
      void member.behind?.close();
    },
    /** The position below which, inclusive, a group has nothing left to do. */
    doneTo: (member: Member): number => {
      const lowest = member.worker.lowestInHand();
      return lowest === undefined ? readTo(member) : Math.min(readTo(member), lowest - 1);
    },
    close: (): Promise<void> => follower.close(),
  };

  function readTo(member: Member): number {
    return member.live ? Math.max(position, member.readTo) : member.readTo;
  }
};
