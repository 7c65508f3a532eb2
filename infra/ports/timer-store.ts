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

/** Keeps the timers that are set over restarts. */
export type TimerStore = {
  /** Whether nothing was ever written: then the log alone knows which timers are set. */
  isNew(): boolean;
  load(): readonly PendingTimer[];
  /** Makes durable which are no longer pending and which newly are, both or none. Throws `UnavailableError`. */
  write(gone: Iterable<TimerId>, pending: Iterable<PendingTimer>): void;
  close(): void;
};
