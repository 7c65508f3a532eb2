import type { TimerSet } from '@recourse/contracts/events';
import type { EventId, OrderId, TimerId } from '@recourse/contracts/ids';

/** A timer that is set, as it survives a restart. */
export type PendingTimer = {
  readonly timerId: TimerId;
  readonly orderId: OrderId;
  /** The SagaAdvanced that set it: its id, and its position in the log. */
  readonly causation: EventId;
  readonly position: number;
  readonly kind: TimerSet['kind'];
  readonly afterMs: number;
  /** When it falls due by the clock of the wall, in milliseconds since 1970. */
  readonly dueAt: number;
};

/** Keeps the timers that are set over restarts. A store elsewhere answers later, and rejects with `UnavailableError`. */
export type TimerStore = {
  /** Whether nothing was ever written, and no broker will tell again: then the log alone knows which timers are set. */
  isNew(): boolean;
  /** Those of the orders in these partitions of their topic; all of them where none are named. */
  load(partitions?: readonly number[]): readonly PendingTimer[] | Promise<readonly PendingTimer[]>;
  /**
   * Makes durable which are no longer pending and which newly are. Throws `UnavailableError`: then some of it may have
   * been written, and the same again comes to the same.
   */
  write(gone: Iterable<TimerId>, pending: Iterable<PendingTimer>): void | Promise<void>;
  close(): void | Promise<void>;
};
