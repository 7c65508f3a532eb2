import type { Lease } from '../ports/leases.ts';

/** A shard of the relay while its lease is ours. */
export type Shard = {
  readonly index: number;
  readonly lease: Lease;
  /** Records up to here are on their way, or need not go any more. */
  place: number;
  /** Everything up to here is acknowledged. */
  ackedTo: number;
  /** Where its checkpoint stands. */
  savedTo: number;
  /** Nothing more of it is sent, and its checkpoint moves no more: the lease is not ours. */
  readonly isLost: () => boolean;
  /** It turned out, from what the server said, that the lease is not ours. */
  lose(): void;
};

/** A shard that has just been got, at its checkpoint. */
export const shardAt = (index: number, lease: Lease, checkpoint: number): Shard => {
  let lost = false;
  return {
    index,
    lease,
    place: checkpoint,
    ackedTo: checkpoint,
    savedTo: checkpoint,
    isLost: () => lost || lease.lost.aborted,
    lose: () => {
      lost = true;
    },
  };
};
