/** Work that is shared among processes, each piece done by one of them at a time. */

/** A piece of work that is ours for now. */
export type Lease = {
  /** Its kind and its piece, as `kind/piece`: what it is called where leases are kept. */
  readonly name: string;
  /** Which of the pieces that were competed for. */
  readonly piece: string;
  /** Grows with every new owner. What an owner writes names it, so that one that was paused can write no more. */
  readonly epoch: number;
  /**
   * Aborted before another can get it: when it could not be renewed in time, or when what is given up has been closed,
   * or takes too long for that.
   */
  readonly lost: AbortSignal;
};

/** What is being done under a lease. `close` ends it, and resolves when nothing of it runs any more. */
export type Leased = { close(): Promise<void> };

/** Leases, as processes compete for them. */
export interface Leases {
  /**
   * Competes for leases of one kind, named by the pieces, with all processes that do: each gets its fair share, and what
   * one that died had is taken over within 10 s. `begin` is called with each lease that is got, and its `close` when it
   * is lost or given up; one that rejects is given up, left to the others, and competed for again later, one piece first
   * where none could begin. `able`, asked now and then, says how many of them this process could do now (left out: all):
   * what is more than that goes to those that could, and stays where nobody could. `held` names the pieces. `close` gives
   * up all.
   */
  compete(
    kind: string,
    pieces: readonly string[],
    begin: (lease: Lease) => Leased | Promise<Leased>,
    able?: () => number,
  ): { held(): readonly string[]; close(): Promise<void> };
}
