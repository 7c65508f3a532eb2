import type { Topic } from '@recourse/contracts/registry';
import { StartError, UnavailableError, type UnknownVersionError } from '../errors.ts';
import type { ConsumerGroup } from '../ports/broker.ts';
import { sleep } from '../ports/clock.ts';
import { type Claim, ClaimLostError, type GroupDeliveries } from '../postgres/deliveries.ts';
import type { Written } from '../postgres/delivery-changes.ts';
import { parkedJournal } from '../postgres/parked-journal.ts';
import type { OffsetReader, Standing } from './offsets.ts';
import { type Done, nameOf } from './tracks.ts';
import type { KeyTurns } from './turns.ts';
import { assignmentWorker, type WorkerOptions } from './worker.ts';

type Limits = Pick<
  WorkerOptions,
  'clock' | 'logger' | 'quickRetries' | 'retryDelaysMs' | 'inHandMax' | 'parkedMax' | 'observe'
>;

/** What an assignment is opened with. */
export type AssignmentOptions = Limits & {
  readonly consumer: ConsumerGroup;
  readonly partitions: ReadonlyMap<Topic, readonly number[]>;
  readonly owner: string;
  readonly deliveries: GroupDeliveries;
  readonly offsets: OffsetReader;
  readonly turns: KeyTurns;
  readonly checkpointEveryMs: number;
  /** Whether the group's coordinator says that these partitions are ours, now. */
  readonly isOurs: () => Promise<boolean>;
  readonly commit: (offsets: readonly Done[]) => Promise<void>;
  readonly onFatal: (error: UnknownVersionError | StartError) => void;
};

const retryMsMin = 50;
const retryMsMax = 1_000;

/**
 * One assignment of partitions to this member, from the moment the group has joined until it rebalances. Begins by
 * claiming its rows of the waiting table and taking up what is parked there; `ready` resolves when messages may come.
 * Once it is over, what runs may finish, but nothing of it is committed or parked: that comes again, to whose it is.
 */
export const openAssignment = (options: AssignmentOptions) => {
  const { consumer, partitions, deliveries, offsets, clock, logger, turns, checkpointEveryMs } = options;
  const { group } = consumer;
  const over = new AbortController();
  const places = [...partitions].flatMap(([topic, numbers]) =>
    numbers.map((partition) => ({ topic, partition })),
  );
  let claims: readonly Claim[] = [];
  let isReady = false;

  const journal = parkedJournal((written) => write(written));
  const turn = turns.begin();
  const checkpoints = checkpointing();
  const worker = assignmentWorker({
    ...options,
    group,
    handle: turn.handle,
    record: journal.record,
    read: deliveries.read,
    onProgress: checkpoints.soon,
    hurry: () => void checkpoints.write(),
  });

  /** Claims the rows; what it says is only true if the group still says that the partitions are ours afterwards. */
  const claim = async (): Promise<void> => {
    claims = places.length === 0 ? [] : await deliveries.claim(places, options.owner);
    if (!(await options.isOurs())) throw new UnavailableError('the group is being shared out anew');
  };

  const write = async (written: Written): Promise<void> => {
    const rows = [...written.parks, ...written.stands, ...written.removes];
    const touched = new Set(rows.map(({ topic, part }) => `${topic}/${part}`));
    const ours = () => claims.filter(({ topic, partition }) => touched.has(`${topic}/${partition}`));
    try {
      if (rows.length > 0) await deliveries.write(ours(), written);
    } catch (error) {
      if (!(error instanceof ClaimLostError)) throw error;
      // One that had them before may have claimed them late: then they are still ours, and we claim them again.
      if (!(await options.isOurs())) {
        end();
        throw error;
      }
      await claim();
      await deliveries.write(ours(), written);
    }
  };

  const takeUp = async (): Promise<void> => {
    await refuseOtherPartitions();
    await claim();
    const topics = [...partitions.keys()];
    const standings = topics.length === 0 ? [] : await offsets.standing(group, topics);
    const starts = standings.filter((it) => worker.tracks.of(it) !== undefined).map(startOf);
    const discarded = await deliveries.discardedSince(starts);
    // What was decided before the rows are read stands in them; what is decided afterwards is heard.
    await deliveries.decisions(claims);
    const rows = places.length === 0 ? [] : await deliveries.parked(places);
    if (consumer.onAssigned !== undefined) {
      await turns.olderEnded();
      const numbers = new Set([...partitions.values()].flat());
      await consumer.onAssigned([...numbers].toSorted((one, other) => one - other));
    }
    if (over.signal.aborted) return;
    for (const { topic, partition, offset } of starts) {
      Object.assign(worker.tracks.of({ topic, partition })!, {
        start: offset,
        next: offset,
        committed: offset,
      });
    }
    for (const spot of discarded) worker.tracks.of(spot)?.discarded.add(nameOf(spot));
    worker.load(rows);
    isReady = true;
  };

  const startOf = ({ topic, partition, committed, low, high }: Standing) => {
    const missed = committed !== undefined && (committed < low || committed > high);
    if (missed)
      logger.error(
        { group, topic, partition, committed, first: low, end: high },
        'messages are gone before they were handled: going on with the first that is there',
      );
    return { topic, partition, offset: committed === undefined || missed ? low : committed };
  };

  /** Throws `StartError` where a topic has another number of partitions than ever before: keys would have moved. */
  const refuseOtherPartitions = async (): Promise<void> => {
    const counts = await offsets.partitions(consumer.topics);
    const changed = await deliveries.partitionsChanged(counts);
    const numbers = new Set(counts.values());
    const [first] = changed;
    if (first === undefined && numbers.size <= 1) return;
    const what =
      first === undefined
        ? `the topics of ${group} have different numbers of partitions (${[...counts].map(([topic, n]) => `${topic} ${n}`).join(', ')})`
        : `${first.topic} had ${first.before} partitions and has ${counts.get(first.topic)} now`;
    throw new StartError(
      'kafka-partitions',
      `Kafka: ${what}. Orders would be in other partitions than their earlier messages: give every topic the number that it had.`,
    );
  };

  const prepare = async (): Promise<void> => {
    for (
      let delayMs = retryMsMin;
      !over.signal.aborted && !isReady;
      delayMs = Math.min(delayMs * 2, retryMsMax)
    ) {
      try {
        await takeUp();
      } catch (error) {
        if (over.signal.aborted) return;
        if (error instanceof StartError) {
          options.onFatal(error);
          return new Promise((resolve) => over.signal.addEventListener('abort', () => resolve()));
        }
        logger.warn({ group, err: error }, 'group cannot begin with its partitions yet; trying again');
        await sleep(clock, delayMs, over.signal);
      }
    }
  };

  function end(): void {
    over.abort();
    journal.close();
    turn.end();
    worker.stop();
    checkpoints.end();
  }

  /** Makes parked messages durable and commits offsets, not too often and one at a time. */
  function checkpointing() {
    let cancel: (() => void) | undefined;
    let writing: Promise<void> | undefined;

    const durable = async (): Promise<boolean> => {
      try {
        await consumer.beforeCheckpoint?.();
        return true;
      } catch (error) {
        logger.warn({ group, err: error }, 'checkpoint stays: the group cannot make it durable');
        return false;
      }
    };

    const writeNow = async (): Promise<void> => {
      const done = worker.tracks.done();
      try {
        const kept = done.length > 0 && (await durable());
        await journal.flush();
        if (over.signal.aborted) return;
        if (kept) await options.commit(done);
        if (kept) for (const it of done) worker.tracks.of(it)!.committed = it.offset;
        if (!kept && done.length > 0) soon();
      } catch (error) {
        if (over.signal.aborted) return;
        logger.error(
          { group, err: error },
          'checkpoints and parked messages cannot be written; trying again',
        );
        soon();
      }
    };

    const write = async (): Promise<void> => {
      while (writing !== undefined) await writing;
      if (over.signal.aborted || !isReady) return;
      cancel?.();
      cancel = undefined;
      writing = writeNow().finally(() => {
        writing = undefined;
      });
      await writing;
    };

    function soon(): void {
      if (over.signal.aborted) return;
      cancel ??= clock.after(checkpointEveryMs, () => {
        cancel = undefined;
        void write();
      });
    }

    return { soon, write, end: () => cancel?.() };
  }

  return {
    worker,
    partitions,
    ready: prepare(),
    isReady: (): boolean => isReady,
    isOver: (): boolean => over.signal.aborted,
    checkpoint: checkpoints.write,
    /** What may be committed at once: nothing is left to be made durable first. */
    doneAndDurable: (): readonly Done[] =>
      isReady && journal.isEmpty() && consumer.beforeCheckpoint === undefined ? worker.tracks.done() : [],
    /** Hears what people have decided about its dead letters. */
    hearDecisions: async (): Promise<void> => {
      if (!isReady || over.signal.aborted || worker.counts.dead === 0) return;
      for (const decision of await deliveries.decisions(claims)) worker.decided(decision);
    },
    end,
  };
};

/** An assignment of partitions to this member. */
export type Assignment = ReturnType<typeof openAssignment>;
