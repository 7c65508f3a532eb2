import { join } from 'node:path';
import { createApi } from '@recourse/api/app';
import type { ApiDeps } from '@recourse/api/deps';
import { type Live, startLive } from '@recourse/api/live';
import { openQueries } from '@recourse/api/query/queries';
import type { ReadModels } from '@recourse/api/read-models';
import { openVerifications } from '@recourse/api/verify/verifications';
import type { OrderId } from '@recourse/contracts/ids';
import { recourseVersion } from '@recourse/contracts/version';
import { openBackups } from '@recourse/infra/backup/backups';
import type { DeadLetters } from '@recourse/infra/ports/broker';
import type { Clock } from '@recourse/infra/ports/clock';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { systemIds } from '@recourse/infra/system';
import type { Metrics } from '@recourse/infra/telemetry/metrics';
import { inventoryService } from '@recourse/inventory/service';
import { orderService } from '@recourse/order/service';
import type { PaymentGateway } from '@recourse/payment/gateway';
import { paymentService } from '@recourse/payment/service';
import type { NewOrders } from '@recourse/sagas/ramp';
import type { Carrier } from '@recourse/shipping/carrier';
import { shippingService } from '@recourse/shipping/service';
import type { Logger } from 'pino';
import type { Config } from './config.ts';

/** What the compositions share: the one that runs everything, and the one that only reads. */

/** What is closed in the end, last opened first. */
export type Closing = (() => void | Promise<void>)[];

/** Closes what is open, last opened first, whatever becomes of each. Rejects in the end with the first failure. */
export const closeAll = async (closing: Closing): Promise<void> => {
  const failures: unknown[] = [];
  for (const close of closing.splice(0).reverse()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
};

/** A step of closing in which several are closed at once: it has ended when all of them have. */
export const together = (closing: Closing) => async (): Promise<void> => {
  const closed = await Promise.allSettled(closing.map(async (close) => close()));
  for (const it of closed) if (it.status === 'rejected') throw it.reason;
};

/** Composes; where that fails, closes what was open already, and rejects with why it failed. */
export const composed = async <T>(compose: (closing: Closing) => Promise<T>): Promise<T> => {
  const closing: Closing = [];
  try {
    return await compose(closing);
  } catch (error) {
    await closeAll(closing).catch(() => {});
    throw error;
  }
};

/** The version of the saga on which new orders begin. */
export const newOrdersOf = ({ sagaVersion, sagaRampPercent }: Config): NewOrders => ({
  version: sagaVersion,
  percent: sagaRampPercent,
});

/** Dead letters that the list of stuck sagas takes into account. */
const deadLettersMax = 1_000;

/** The orders that have dead letters now. */
export const deadLetterKeysOf = async (deadLetters: DeadLetters): Promise<readonly OrderId[]> =>
  (await deadLetters.list({ max: deadLettersMax })).map(({ key }) => key);

/** What every participant works with. */
export type ParticipantParts = {
  readonly config: Config;
  readonly log: EventLog;
  readonly gateway: PaymentGateway;
  readonly carrier: Carrier;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** The participants over a log; none of them begins anything by itself. */
export const participantsOf = ({ config, log, gateway, carrier, clock, logger }: ParticipantParts) => {
  const { callMsMax } = config;
  return {
    orders: orderService({ log }),
    payment: paymentService({ log, gateway, clock, logger, callMsMax }),
    shipping: shippingService({ log, carrier, clock, logger, callMsMax }),
    inventory: inventoryService({ log, logger }),
  };
};

/** What looks into the past of a data folder, copies it and proves it; `closing` is told how each is closed. */
export const openFolderParts = (
  { dataDir, clock, logger }: { readonly dataDir: string; readonly clock: Clock; readonly logger: Logger },
  closing: Closing,
): Pick<ApiDeps, 'queries' | 'backups' | 'verifications'> => {
  const queries = openQueries({ dataDir, logPath: join(dataDir, 'log.db'), clock });
  closing.push(queries.close);
  const backups = openBackups({ dataDir, clock, version: recourseVersion });
  closing.push(backups.close);
  const verifications = openVerifications({ dataDir, clock, logger });
  closing.push(verifications.close);
  return { queries, backups, verifications };
};

/** What the API is made of: the participants, and the rest of what it works with. */
export type ApiParts = Pick<
  ApiDeps,
  | 'log'
  | 'deadLetters'
  | 'poison'
  | 'lag'
  | 'readModels'
  | 'queries'
  | 'backups'
  | 'verifications'
  | 'clock'
  | 'logger'
  | 'ready'
  | 'stopping'
> & {
  readonly config: Config;
  readonly participants: ReturnType<typeof participantsOf>;
  readonly ids: ApiDeps['ids'] | undefined;
  readonly metrics: Metrics;
  /** How many orders were open at which position; what came after it is counted from the log. */
  readonly open: Awaited<ReturnType<ReadModels['countedFrom']>>;
};

/** The API over these parts, and who tells it of new records: to be closed before anything that they need. */
export const openApi = async (
  parts: ApiParts,
): Promise<{ api: ReturnType<typeof createApi>; live: Live }> => {
  const { config, participants, ids = systemIds, metrics, open, ...others } = parts;
  const { log, clock, logger } = parts;
  const live = startLive({
    log,
    after: open.position,
    openOrders: open.open,
    head: await log.head(),
    clock,
    logger,
    onEnded: metrics.observeEnded,
  });
  const api = createApi({
    ...others,
    ...participants,
    ids,
    live,
    metrics,
    newOrders: newOrdersOf(config),
    topicPrefix: config.kafkaTopicPrefix,
    limits: {
      openOrdersMax: config.openOrdersMax,
      waitSecondsMax: config.waitSecondsMax,
      deadlineMs: config.orderDeadlineMs,
    },
  });
  return { api, live };
};
