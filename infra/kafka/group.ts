import type { Logger } from 'pino';
import type { ConsumerGroup } from '../ports/broker.ts';
import { type Clock, within } from '../ports/clock.ts';
import { type Assignment, type AssignmentOptions, openAssignment } from './assignment.ts';
import { batchTaker } from './batches.ts';
import type { KafkaSettings } from './client.ts';
import type { Member, Partitions } from './member.ts';
import { leaveMsMax, openMembership } from './membership.ts';
import type { PoisonKeeper } from './poison.ts';
import { keyTurns } from './turns.ts';
import { watchGroup } from './watch.ts';

/** What a group is joined with. */
export type GroupOptions = Pick<
  AssignmentOptions,
  | 'quickRetries'
  | 'retryDelaysMs'
  | 'inHandMax'
  | 'parkedMax'
  | 'checkpointEveryMs'
  | 'observe'
  | 'deliveries'
  | 'offsets'
> & {
  readonly consumer: ConsumerGroup;
  readonly kafka: KafkaSettings;
  readonly prefix: string;
  readonly poison: PoisonKeeper;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly shutdownMsMax: number;
  /** Nothing can go on here: the group is being left. Called once. */
  readonly onFatal: (error: Error) => void;
};

/** A consumer group can go on in this process no more, for a reason that is not in its messages. */
export class GroupStoppedError extends Error {
  override readonly name = 'GroupStoppedError';
  readonly code = 'group-stopped';
}

/** A group that is shared out anew, or has heard nothing from Kafka, for longer than that is not ready. */
const joiningMsMax = 15_000;
const silentMsMax = 10_000;

/** Joins a group, and stays in it: through rebalances, and by a new member where the library's has died. */
export const joinGroup = (options: GroupOptions) => {
  const { consumer, clock, logger, offsets } = options;
  const { group, topics } = consumer;
  const turns = keyTurns((message) => consumer.handle(message));
  const letGo = Promise.withResolvers<void>();
  let current: Assignment | undefined;
  let leaving: Promise<void> | undefined;
  let failure: Error | undefined;
  let movedAt = clock.monotonic();
  let joiningSince: number | undefined = movedAt;
  let everReady = false;

  const fatal = (error: Error): void => {
    if (failure !== undefined) return;
    failure = error;
    options.onFatal(error);
    void leave();
  };

  const onJoined = (from: Member, memberId: string, partitions: Partitions): void => {
    current?.end();
    movedAt = clock.monotonic();
    const assignment = openAssignment({
      ...options,
      partitions,
      turns,
      owner: memberId,
      isOurs: from.isOurs,
      commit: from.commit,
      onFatal: fatal,
    });
    current = assignment;
    if (leaving !== undefined) assignment.worker.stop();
    const numbers = new Set([...partitions.values()].flat());
    void assignment.ready.then(() => {
      if (assignment.isOver()) return;
      joiningSince = undefined;
      everReady = true;
      logger.info({ group, partitions: numbers.size }, 'group has its partitions');
    });
  };

  const onRebalancing = (): void => {
    const done = current?.doneAndDurable() ?? [];
    current?.end();
    current = undefined;
    joiningSince ??= clock.monotonic();
    // It is sent before the request to join again: so what is done comes not again. Where it fails, it does.
    if (done.length > 0) void membership.commit(done).catch(() => {});
  };

  const takeBatch = batchTaker({
    ...options,
    group,
    current: () => current,
    letGo: letGo.promise,
    seek: (topic, partition, offset) => membership.seek(topic, partition, offset),
    onTaken: () => {
      movedAt = clock.monotonic();
    },
    onPoison: () => options.observe(group, 'poison'),
    onFatal: fatal,
  });

  const membership = openMembership({
    ...options,
    group,
    topics,
    isLeaving: () => leaving !== undefined,
    letGo: letGo.promise,
    assignment: () => current,
    onJoined,
    onRebalancing,
    onEmpty: (topic, partition, lastOffset) => {
      const track = current?.worker.tracks.of({ topic, partition });
      if (track?.begun && lastOffset >= track.next) current?.worker.passOver(track, lastOffset);
    },
    onBatch: takeBatch,
    onFatal: (error) =>
      fatal(new GroupStoppedError(`Kafka: ${group} cannot go on: ${error.message}`, { cause: error })),
  });

  /** Resolves when the group has been left: what runs has ended, or its time is over, and is checkpointed. */
  const leave = (): Promise<void> => {
    leaving ??= (async () => {
      stopWatching();
      const end = clock.monotonic() + options.shutdownMsMax;
      const left = () => Math.max(1, end - clock.monotonic());
      // Kept for the checkpoint and for leaving.
      const reserve = Math.min(leaveMsMax, options.shutdownMsMax / 2);
      current?.worker.stop();
      await current?.worker.idle(Math.max(1, left() - reserve));
      await within(clock, Math.max(1, left() - reserve / 2), current?.checkpoint() ?? Promise.resolve());
      letGo.resolve();
      await membership.leave(left());
      current?.end();
      current = undefined;
    })();
    return leaving;
  };

  const stopWatching = watchGroup({
    group,
    topics,
    offsets,
    clock,
    logger,
    current: () => current,
    movedAt: () => movedAt,
    onStuck: (topic) =>
      fatal(new GroupStoppedError(`Kafka: ${group} takes nothing, with messages in ${topic}`)),
  });

  return {
    group,
    topics,
    leave,
    hearDecisions: async (): Promise<void> => current?.hearDecisions(),
    hasDead: (): boolean => (current?.worker.counts.dead ?? 0) > 0,
    problem: (): string | undefined => {
      if (failure !== undefined) return `${group}: ${failure.message}`;
      if (leaving !== undefined) return `${group}: it is being left`;
      if (!everReady) return `${group}: it has not joined its group yet`;
      const now = clock.monotonic();
      if (now - membership.heardAt() > silentMsMax) return `${group}: Kafka does not answer`;
      const joining = joiningSince !== undefined && now - joiningSince > joiningMsMax;
      if (joining) return `${group}: it has been without partitions for too long`;
      return current?.worker.problem();
    },
  };
};

/** A group that was joined. */
export type JoinedGroup = ReturnType<typeof joinGroup>;
