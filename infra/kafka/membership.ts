import type { EachBatchPayload } from 'kafkajs';
import { UnavailableError } from '../errors.ts';
import { sleep, within } from '../ports/clock.ts';
import { isPassing, isRefusal } from './crashes.ts';
import { type Member, type MemberOptions, openMember, type Partitions } from './member.ts';

/** What a membership is kept with. */
export type MembershipOptions = Omit<MemberOptions, 'onJoined' | 'onHeard' | 'onCrashed' | 'onBatch'> & {
  /** Whether the group is being left: no member is made anew any more. */
  readonly isLeaving: () => boolean;
  /** Resolves when what was taken is done with, and the member may go. */
  readonly letGo: Promise<void>;
  readonly onJoined: (from: Member, memberId: string, partitions: Partitions) => void;
  readonly onBatch: (payload: EachBatchPayload) => Promise<void>;
  /** Whether the member has an assignment, and whether that is valid still. */
  readonly assignment: () => { isOver(): boolean } | undefined;
  /** It dies again and again, or for a reason that no waiting heals. */
  readonly onFatal: (error: Error) => void;
};

/** A member that died is made anew so soon; for reasons that no waiting heals, not more often than so in a row. */
const renewMs = 1_000;
const crashesMax = 3;
const steadyMs = 60_000;
/** So long a member that leaves may take to tell its group. */
export const leaveMsMax = 3_000;
/**
 * A member whose coordinator has been silent at so many looks in a row is given up: the library goes on asking the
 * broker that it knows for minutes, where another is the coordinator by now. Looks, not time, so that a process that was
 * paused asks first. Given up, too, is one whose partitions are another's, and whom nobody tells to join again.
 */
const uselessLooksMax = 10;
const lookEveryMs = 2_000;

/** Keeps a member in a group: makes another where the library's has died, or is of no use any more. */
export const openMembership = (options: MembershipOptions) => {
  const { group, clock, logger, letGo, assignment } = options;
  let member: Member | undefined;
  /** What became of the member before. */
  let parting: Promise<void> = Promise.resolve();
  let heardAt = clock.monotonic();

  /** One that another has taken the place of, or that has left, is heard no more, however late it joins. */
  const newMember = (onCrashed: (error: Error) => void): Member => {
    const ifInPlace =
      <A extends unknown[]>(then: (...args: A) => void) =>
      (...args: A): void => {
        if (made === member) then(...args);
      };
    const made: Member = openMember({
      ...options,
      onJoined: ifInPlace((memberId, partitions) => {
        heardAt = clock.monotonic();
        options.onJoined(made, memberId, partitions);
      }),
      onRebalancing: ifInPlace(options.onRebalancing),
      onHeard: ifInPlace(() => {
        heardAt = clock.monotonic();
      }),
      onCrashed,
      onEmpty: ifInPlace(options.onEmpty),
      onBatch: async (payload) => {
        if (made === member) await options.onBatch(payload);
      },
    });
    return made;
  };

  /** Resolves when the member is of no use any more although it has not crashed, or when nobody asks any more. */
  const useless = async (until: AbortSignal): Promise<Error> => {
    for (let looks = 0; looks < uselessLooksMax && !until.aborted; ) {
      const before = heardAt;
      await sleep(clock, lookEveryMs, until);
      const mine = assignment();
      looks = mine !== undefined && (heardAt === before || mine.isOver()) ? looks + 1 : 0;
    }
    return new UnavailableError('its coordinator is silent, or its partitions are no longer its own');
  };

  /** Resolves with why the member has to be replaced; with nothing when the group is left. */
  const end = async (crashed: Promise<Error>): Promise<Error | undefined> => {
    const looking = new AbortController();
    const error = await Promise.race([crashed, useless(looking.signal), letGo]);
    looking.abort();
    return error ?? undefined;
  };

  const live = async (): Promise<void> => {
    for (let crashes = 0; !options.isLeaving(); ) {
      const begun = clock.monotonic();
      const crashed = Promise.withResolvers<Error>();
      const made = newMember(crashed.resolve);
      member = made;
      const error = await end(crashed.promise);
      if (error === undefined || options.isLeaving()) return;
      options.onRebalancing();
      member = undefined;
      parting = made.leave(leaveMsMax);
      crashes = isPassing(error) || clock.monotonic() - begun > steadyMs ? 0 : crashes + 1;
      if (crashes > crashesMax || isRefusal(error)) return options.onFatal(error);
      logger.error({ group, err: error }, 'the consumer of a group died; making another');
      await sleep(clock, renewMs);
    }
  };
  void live();

  return {
    /** Reads on from an offset. */
    seek: (...place: Parameters<Member['seek']>): void => member?.seek(...place),
    commit: async (...offsets: Parameters<Member['commit']>): Promise<void> => member?.commit(...offsets),
    /** When its coordinator has answered last, in milliseconds of the monotonic clock. */
    heardAt: (): number => heardAt,
    /** Leaves the group, for good. Never rejects. */
    leave: async (msMax: number): Promise<void> => {
      const left = member;
      await (left === undefined ? within(clock, msMax, parting) : left.leave(msMax));
      member = undefined;
    },
  };
};
