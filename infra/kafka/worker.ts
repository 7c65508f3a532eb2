import type { Topic } from '@recourse/contracts/registry';
import type { Logger } from 'pino';
import { attempting } from '../broker/attempts.ts';
import type { Change } from '../broker/changes.ts';
import { openGate } from '../broker/gate.ts';
import { type Handling, runCount } from '../broker/group-worker.ts';
import { keyedLanes } from '../broker/lanes.ts';
import { type ParkedRow, parkedKeys } from '../broker/parked-keys.ts';
import { UnavailableError, type UnknownVersionError } from '../errors.ts';
import type { Message } from '../ports/broker.ts';
import type { Clock } from '../ports/clock.ts';
import type { Decision } from '../postgres/deliveries.ts';
import type { Spot } from '../postgres/delivery-changes.ts';
import { type InHand, nameOf, type Track, trackTable } from './tracks.ts';
import { within } from './within.ts';

/** What the worker of an assignment is made with; limits are the broker's. */
export type WorkerOptions = {
  readonly group: string;
  readonly partitions: ReadonlyMap<Topic, readonly number[]>;
  readonly handle: (message: Message) => Promise<void>;
  readonly record: (change: Change<Spot>) => void;
  readonly read: (spot: Spot) => Promise<Message | undefined>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly quickRetries: number;
  readonly retryDelaysMs: readonly number[];
  readonly inHandMax: number;
  readonly parkedMax: number;
  readonly observe: (group: string, handling: Handling) => void;
  readonly onFatal: (error: UnknownVersionError) => void;
  /** There may be something new to write: called for each message, must be cheap. */
  readonly onProgress: () => void;
  /** Asks for parked messages to be made durable soon: they hold up the group. */
  readonly hurry: () => void;
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
  const { group, clock, logger, inHandMax, parkedMax, observe, handle } = options;
  const { quickRetries, retryDelaysMs, onFatal } = options;
  const leaving = new AbortController();
  const tracks = trackTable(options.partitions);
  const run = runCount();
  const waiting = new Set<() => void>();

  const gate = openGate(clock, () => lanes.resume());
  const attempt = attempting({ handle, quickRetries, clock, gate, leaving: leaving.signal, onFatal });

  const load = () => tracks.size() + parked.count.unwritten;
  const tooManyParked = () => parked.count.waiting + parked.count.dead >= parkedMax;
  const full = () => load() >= inHandMax || tooManyParked();
  const room = () => {
    options.onProgress();
    if (waiting.size === 0 || leaving.signal.aborted || load() > inHandMax / 2 || full()) return;
    wake();
  };
  const wake = () => {
    const all = [...waiting];
    waiting.clear();
    for (const go of all) go();
  };

  const parked = parkedKeys<Spot>({
    group,
    record: options.record,
    read: options.read,
    isSame,
    clock,
    retryDelaysMs,
    quickRetries,
    leaving: leaving.signal,
    attempt: async (message, attempts) => {
      run.begin();
      const outcome = await attempt(message, attempts);
      if (outcome.outcome === 'handled') observe(group, 'handled');
      run.end();
      return outcome;
    },
    onRoom: () => room(),
    onParked: ({ key, type, id, position }, { state, attempts }, error) => {
      observe(group, state === 'dead' ? 'dead' : 'waiting');
      options.onProgress();
      const told = { orderId: key, group, type, messageId: id, position, attempts, err: error };
      if (state === 'dead') logger.error(told, 'message is a dead letter: its order waits for a person');
      else logger.warn(told, 'message failed: its order waits to be tried again');
    },
  });

  const lanes = keyedLanes<InHand>({
    handle,
    attempt,
    isShut: gate.isShut,
    leaving: leaving.signal,
    onBegin: run.begin,
    onEnd: run.end,
    onHandled: (entry) => {
      observe(group, 'handled');
      tracks.remove(entry);
      room();
    },
    onFailedOnce: (error) => {
      if (!(error instanceof UnavailableError)) return observe(group, 'failed');
      observe(group, 'unavailable');
      if (!gate.isShut()) logger.warn({ group, err: error }, 'group stops at its place until it can go on');
    },
    onFailed: (entry, attempts, error, behind) => {
      tracks.remove(entry);
      const first = parked.begin(entry.message, entry.at, attempts, error);
      for (const next of behind) {
        tracks.remove(next);
        parked.follow(first, next.message, next.at);
      }
      room();
    },
  });

  /**
   * Takes one message, or says that there is no room for it. What was discarded, or is parked already, is passed over:
   * it has come again.
   */
  const take = (track: Track, message: Message, spot: Spot): boolean => {
    if (full()) {
      if (parked.count.unwritten > 0) options.hurry();
      return false;
    }
    passOver(track, spot.offset);
    if (track.discarded.size > 0 && track.discarded.delete(nameOf(spot))) return true;
    const first = parked.of(message.key);
    if (first === undefined) lanes.add(tracks.add(track, message, spot));
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
    load: (rows: Iterable<ParkedRow<Spot>>): void => parked.load(rows),
    /** What a person has decided, and has written. */
    decided: ({ key, decision, ...spot }: Decision): void => {
      if (decision === 'redrive') parked.redrive(key, spot, () => {});
      else parked.discard(key, spot, () => {});
      options.onProgress();
    },
    /** Resolves when there is room again, or when it is stopped. */
    hasRoom: (): Promise<void> =>
      new Promise((resolve) => {
        waiting.add(resolve);
        if (leaving.signal.aborted) wake();
        else room();
      }),
    /** Why nothing is taken, where that is for a reason that is known. */
    holdsBecause: (): string | undefined => {
      if (gate.isShut()) return 'something it needs cannot be reached';
      return tooManyParked() ? 'too many of its messages wait or are dead letters' : undefined;
    },
    hasLeft: (): boolean => leaving.signal.aborted,
    /** Begins nothing more. What runs goes on. */
    stop: (): void => {
      if (leaving.signal.aborted) return;
      leaving.abort();
      gate.end();
      parked.end();
      wake();
    },
    /** Waits for the handlers that run, so long at most. */
    idle: (msMax: number): Promise<void> => within(clock, msMax, run.idle()),
  };
};

/** An assignment at work. */
export type AssignmentWorker = ReturnType<typeof assignmentWorker>;
