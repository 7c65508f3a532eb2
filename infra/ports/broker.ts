import type { CommandData, CommandName } from '@recourse/contracts/commands';
import type { EventData, EventType } from '@recourse/contracts/events';
import type { CommandId, EventId, OrderId } from '@recourse/contracts/ids';
import type { ReplyTopic, Topic } from '@recourse/contracts/registry';
import type { Subscription } from './event-log.ts';

type Carried = {
  readonly topic: Topic;
  /** The order: messages with one key come in order within a topic. */
  readonly key: OrderId;
  readonly version: number;
  /** The stream of the record that carries it, its revision there, and its place in the log. */
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
  /** Milliseconds since 1970, of the record. */
  readonly time: number;
  readonly correlation: string;
  readonly causation: string;
};

/** An event on its way. */
export type EventMessage<T extends EventType = EventType> = {
  [K in T]: Carried & {
    readonly kind: 'event';
    readonly type: K;
    readonly id: EventId;
    readonly data: EventData[K];
  };
}[T];

/** A command on its way; `stream` and `revision` are those of the SagaAdvanced that issued it, which caused it. */
export type CommandMessage<T extends CommandName = CommandName> = {
  [K in T]: Carried & {
    readonly kind: 'command';
    readonly type: K;
    readonly id: CommandId;
    readonly data: CommandData[K];
  };
}[T];

/**
 * An answer of a participant that is somebody else's program, as it came: nothing but its key has been checked.
 * `stream` is the source that it names; it has no revision and no position (0), and `time` is the broker's.
 */
export type ReplyMessage = Carried & {
  readonly kind: 'reply';
  readonly topic: ReplyTopic;
  readonly type: 'Reply';
  /** As the answer says: any text. */
  readonly id: string;
  /** What the answer says it is, of which version of its schema (0: it does not say), and with which data. */
  readonly data: { readonly type: string; readonly version: number; readonly data: unknown };
};

/** What the broker carries. */
export type Message = EventMessage | CommandMessage | ReplyMessage;

/** Who consumes: each group has its own place in each topic. */
export type ConsumerGroup = {
  readonly group: string;
  readonly topics: readonly Topic[];
  /**
   * Handles one message; resolving says it is handled and whatever it appended is synced. Called for one message of a
   * key at a time, in order within a topic, keys in parallel. May see a message again (at least once).
   *
   * Rejecting with `UnavailableError` stops the group at its place, to try again without counting. Rejecting with
   * anything else is this message's own failure: `quickRetries` at once, then the waiting table with back-off, then
   * a dead letter (at once after a `PermanentError`); the other messages of its key in this group wait behind it,
   * other keys go on.
   */
  handle(message: Message): Promise<void>;
  /**
   * Where processes share a group: these partitions, and no others, are this process's from now on. Called before the
   * first message of each such assignment, and awaited; what is remembered of any order from before is not to be
   * trusted, for others may have gone on with it. Never called where the group has this one member for ever.
   */
  onAssigned?(partitions: readonly number[]): Promise<void>;
  /** Makes durable what the handler keeps besides the log; awaited before a checkpoint moves. */
  beforeCheckpoint?(): Promise<void>;
};

/** A message that its group cannot handle, or that waits to be tried again, or that waits behind such a one. */
export type ParkedMessage = {
  readonly id: string;
  readonly group: string;
  readonly topic: Topic;
  readonly key: OrderId;
  readonly type: string;
  readonly messageId: string;
  readonly position: number;
  readonly state: 'waiting' | 'behind' | 'dead';
  readonly attempts: number;
  readonly error: string | null;
  /** Milliseconds since 1970. */
  readonly parkedAt: number;
  readonly retryAt: number | null;
  readonly message: Message;
};

/** Dead letters, for people. */
export interface DeadLetters {
  /** Dead letters in the order of their positions, after a cursor (the id of the last one seen). */
  list(options: {
    readonly after?: string;
    readonly max: number;
    readonly key?: OrderId;
  }): Promise<readonly ParkedMessage[]>;
  get(id: string): Promise<ParkedMessage | undefined>;
  /** Tries it again now; those behind it follow in order. False where there is no such dead letter. */
  redrive(id: string): Promise<boolean>;
  /** Drops it, recorded with the note and who said so; those behind it follow. False where there is no such dead letter. */
  discard(id: string, note: string, by: string): Promise<boolean>;
  /** How many wait, and how many are dead, now. */
  counts(): Promise<{ readonly waiting: number; readonly dead: number }>;
}

/** Carries messages from the log to consumer groups, at least once. */
export interface Broker {
  /** Joins a group to its topics, from its checkpoint on (from the first message when it has none). */
  consume(group: ConsumerGroup): Subscription;
  readonly deadLetters: DeadLetters;
  /** By group: how many records of the log it has yet to handle. */
  lag(): Promise<Readonly<Record<string, number>>>;
  /** Finishes what is in hand, writes checkpoints, closes. */
  close(): Promise<void>;
}
