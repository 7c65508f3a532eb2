import type { ApiDeps } from '@recourse/api/deps';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { PaymentGateway } from '@recourse/payment/gateway';
import type { Carrier } from '@recourse/shipping/carrier';

/** Who starts it listens by `onFatal`; the others are what a test puts in the place of the real thing. */
export type DistributedOverrides = {
  readonly clock?: Clock;
  wrapLog?(log: EventLog): EventLog;
  wrapGateway?(gateway: PaymentGateway): PaymentGateway;
  wrapCarrier?(carrier: Carrier): Carrier;
  /** Called once, with what this process cannot go on with. Who started it should close it, and leave. */
  onFatal?(error: Error): void;
  /** Gives up waiting for what is not there yet. */
  readonly signal?: AbortSignal;
};

/** What every process says of itself over HTTP. */
export type ProcessState = Pick<ApiDeps, 'ready' | 'stopping' | 'metrics' | 'logger'>;
