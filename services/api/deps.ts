import type { EventData } from '@recourse/contracts/events';
import type { Ledger, OrderList, OrderListQuery, SagaList, SagaListQuery } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import type { Backups } from '@recourse/infra/ports/backups';
import type { DeadLetters } from '@recourse/infra/ports/broker';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Ids } from '@recourse/infra/ports/ids';
import type { PoisonMessages } from '@recourse/infra/ports/poison';
import type { Pace, ProjectionStatus } from '@recourse/infra/ports/read-models';
import type { Metrics } from '@recourse/infra/telemetry/metrics';
import type { InventoryService } from '@recourse/inventory/service';
import type { OrderService } from '@recourse/order/service';
import type { PaymentService } from '@recourse/payment/service';
import type { NewOrders } from '@recourse/sagas/ramp';
import type { ShippingService } from '@recourse/shipping/service';
import type { Logger } from 'pino';
import type { Live } from './live.ts';
import type { ReadProjection } from './projections/open-sagas.ts';
import type { Queries } from './query/queries.ts';
import type { Verifications } from './verify/verifications.ts';

/** What the API needs of the read models. */
export type ReadModelsApi = {
  listOrders(query: OrderListQuery): OrderList | Promise<OrderList>;
  listSagas(query: SagaListQuery): SagaList | Promise<SagaList>;
  ledger(): Ledger | Promise<Ledger>;
  readonly read: ReadProjection;
  /** Orders by state, as far as the read model has come. */
  counts(): Promise<{
    /** Those that are being cancelled included. */
    readonly open: number;
    readonly cancelling: number;
    readonly completed: number;
    readonly cancelled: number;
  }>;
  status(): Promise<readonly ProjectionStatus[]>;
  /** Rejects with a `RebuildRefusedError` where nothing was changed. */
  rebuild(names: readonly string[] | 'all', pace: Pace): Promise<void>;
};

/** What bounds the API. */
export type ApiLimits = {
  /** With so many orders open a new one is answered 503. */
  readonly openOrdersMax: number;
  readonly bodyBytesMax?: number;
  /** The longest wait that `Prefer: wait=N` gets. */
  readonly waitSecondsMax?: number;
  /** How long an order may take, and how long past that it is stuck. */
  readonly deadlineMs: number;
  readonly stuckAfterMs?: number;
  /** How often a silent event stream says that it lives. */
  readonly heartbeatMs?: number;
};

/** Everything the API works with. */
export type ApiDeps = {
  readonly log: EventLog;
  readonly orders: Pick<OrderService, 'create' | 'requestCancellation'>;
  readonly inventory: Pick<InventoryService, 'receive' | 'stockOf' | 'isKnown'>;
  readonly payment: Pick<PaymentService, 'resolve'>;
  readonly shipping: Pick<ShippingService, 'resolve'>;
  readonly deadLetters: DeadLetters;
  /** Messages that nobody can read; left out where there are none, because nothing is copied. */
  readonly poison?: PoisonMessages;
  /** By consumer group: records yet to be handled. */
  lag(): Promise<Readonly<Record<string, number>>>;
  readonly readModels: ReadModelsApi;
  readonly queries: Queries;
  readonly live: Live;
  readonly backups: Backups;
  readonly verifications: Pick<Verifications, 'start' | 'find'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits: ApiLimits;
  /** The version of the saga on which new orders begin; the first where nothing is said. */
  readonly newOrders?: NewOrders;
  /** What stands before the name of every topic; nothing where it is left out. */
  readonly topicPrefix?: string;
  /** Why the service is not ready now, a reason each; empty when it is. */
  ready(): readonly string[];
  /** True once the process has begun to stop: no new work is taken. */
  stopping(): boolean;
};

/** The limits with their defaults. */
export const limitsOf = (limits: ApiLimits): Required<ApiLimits> => ({
  bodyBytesMax: 256 * 1024,
  waitSecondsMax: 60,
  stuckAfterMs: 60_000,
  heartbeatMs: 15_000,
  ...limits,
});

/** What `createApi` hands to each resource. */
export type Context = Omit<ApiDeps, 'limits'> & { readonly limits: Required<ApiLimits> };

/** What an order was created from. */
export type Created = EventData['OrderCreated'];

/** The path of an order, as `Location` says it. */
export const orderPath = (orderId: OrderId): string => `/orders/${orderId}`;
