import type { Topic } from '@recourse/contracts/registry';
import { StartError, UnavailableError, type UnknownVersionError } from '../errors.ts';
import type { ConsumerGroup } from '../ports/broker.ts';
import { sleep } from '../ports/clock.ts';
import { type Claim, ClaimLostError, type Decision, type GroupDeliveries } from '../postgres/deliveries.ts';
import type { Written } from '../postgres/delivery-changes.ts';
import { parkedJournal } from '../postgres/parked-journal.ts';
import { checkpointing } from './checkpoints.ts';
import type { OffsetReader } from './offsets.ts';
import { refuseOtherPartitions, startOf } from './starts.ts';
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
  const { consumer, partitions, deliveries, offsets, clock, logger, turns } = options;
  const { group } = consumer;
  const over = new AbortController();
  const places = [...partitions].flatMap(([topic, numbers]) =>
    numbers.map((partition) => ({ topic, partition })),
  );
  let claims: readonly Claim[] = [];
  let isReady = false;

  const journal = parkedJournal((written) => write(written));
  const turn = turns.begin();
  const worker = assignmentWorker({
    ...options,
    group,
    handle: turn.handle,
    record: journal.record,
    read: deliveries.read,
    onProgress: () => checkpoints.soon(),
    hurry: () => void checkpoints.write(),
  });
  const checkpoints = checkpointing({
    consumer,
    clock,
    logger,
    everyMs: options.checkpointEveryMs,
    over: over.signal,
    worker,
    flush: journal.flush,
    commit: options.commit,
    isReady: () => isReady,
  });

  /** Claims the rows; what it says is only true if the group still says that the partitions are ours afterwards. */
  const claim = async (): Promise<void> => {
    const made = places.length === 0 ? [] : await deliveries.claim(places, options.owner);
    if (!(await options.isOurs())) throw new UnavailableError('the group is being shared out anew');
    claims = made;
  };

  /** Once for all who have found that a claim is lost: each claim ends the one before. */
  let claiming: Promise<void> | undefined;
  const claimAgain = (): Promise<void> => {
    claiming ??= claim().finally(() => {
      claiming = undefined;
    });
    return claiming;
  };

  /** Writes under those of our claims that are touched. */
  const underClaims = async (
    touched: readonly { readonly topic: string; readonly part: number }[],
    run: (claims: readonly Claim[]) => Promise<void>,
  ): Promise<void> => {
    if (touched.length === 0) return;
    const names = new Set(touched.map(({ topic, part }) => `${topic}/${part}`));
    const ours = () => claims.filter(({ topic, partition }) => names.has(`${topic}/${partition}`));
    const used = claims;
    try {
      await run(ours());
    } catch (error) {
      if (!(error instanceof ClaimLostError)) throw error;
      // One that had them before may have claimed them late: then they are still ours, and we claim them again.
      const still = !over.signal.aborted && (await options.isOurs());
      // Where we are over they may be this process's again: what we would write is not true of them any more.
      if (!still || over.signal.aborted) {
        end();
        throw error;
      }
      if (claims === used) await claimAgain();
      await run(ours());
    }
  };

  const write = (written: Written): Promise<void> =>
    underClaims([...written.parks, ...written.stands, ...written.removes], (ours) =>
      deliveries.write(ours, written),
    );

  /** What people have decided: taken in first and forgotten afterwards, so that none is lost where an answer is. */
  const hear = async (takeIn: (decision: Decision) => void): Promise<void> => {
    const decisions = await deliveries.decisions(places);
    if (over.signal.aborted) return;
    for (const decision of decisions) takeIn(decision);
    await underClaims(
      decisions.map(({ topic, partition }) => ({ topic, part: partition })),
      (ours) => deliveries.heard(ours, decisions),
    );
  };

  /** Others may have been given what was ours while we waited: then nobody is told that it is, and nothing claimed. */
  const stopIfOver = (): void => {
    if (over.signal.aborted) throw new UnavailableError('the group is being shared out anew');
  };

  const takeUp = async (): Promise<void> => {
    await refuseOtherPartitions({ group, topics: consumer.topics, offsets, deliveries });
    stopIfOver();
    await claim();
    const topics = [...partitions.keys()];
    const standings = topics.length === 0 ? [] : await offsets.standing(group, topics);
    const mine = standings.filter((it) => worker.tracks.of(it) !== undefined);
    const starts = mine.map((it) => startOf(group, it, logger));
    // What was decided before the rows are read stands in them; what is decided afterwards is heard.
    await hear(() => {});
    const rows = places.length === 0 ? [] : await deliveries.parked(places);
    // After the rows: what was discarded before they were read is not among them, and must not be handled either.
    const discarded = await deliveries.discardedSince(starts);
    if (consumer.onAssigned !== undefined) {
      await turns.olderEnded();
      stopIfOver();
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

  return {
    worker,
    partitions,
    ready: prepare(),
    isReady: (): boolean => isReady,
    isOver: (): boolean => over.signal.aborted,
    checkpoint: checkpoints.write,
    /** What may be committed at once: nothing is left to be made durable first, and nothing was let go of. */
    doneAndDurable: (): readonly Done[] => {
      const durable = journal.isEmpty() && consumer.beforeCheckpoint === undefined;
      return isReady && durable && !over.signal.aborted ? worker.tracks.done() : [];
    },
    /** Hears what people have decided about its dead letters. */
    hearDecisions: async (): Promise<void> => {
      if (!isReady || over.signal.aborted || worker.counts.dead === 0) return;
      await hear(worker.decided);
    },
    end,
  };
};

/** An assignment of partitions to this member. */
export type Assignment = ReturnType<typeof openAssignment>;
