import type { TimerSet } from '@recourse/contracts/events';
import type { EventId, OrderId, TimerId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { ConflictError, UnavailableError } from '@recourse/infra/errors';
import { uuidV5 } from '@recourse/infra/event-id';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import { type EventLog, type NewEvent, noStream, type RecordedEvent } from '@recourse/infra/ports/event-log';
import type { Logger } from 'pino';

/** A timer that is set, in memory. */
export type Timer = {
  readonly id: TimerId;
  readonly orderId: OrderId;
  readonly kind: TimerSet['kind'];
  readonly afterMs: number;
  /** The SagaAdvanced that set it: its id, and its position in the log. */
  readonly causation: EventId;
  readonly position: number;
  /** When it falls due, by the monotonic clock. */
  readonly due: number;
  /** It was past its time when it was found at the start. */
  readonly overdue: boolean;
  /** `set`: in the heap; `due`: being fired; `gone`: fired or cancelled. */
  state: 'set' | 'due' | 'gone';
  stored: boolean;
};

/** The wait after a failure to reach the log, and the longest. */
const retryMsMin = 100;
const retryMsMax = 5_000;

/** While the log cannot be reached, that is said so often. */
const tellEveryMs = 10_000;

/** How many records of a saga's inputs are read at once. */
const inputsMax = 16;

/** What firing needs. */
type Firing = {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly firingMax?: number;
  /** The timer has fired, or means nothing any more. */
  readonly onFired: (timer: Timer) => void;
};

/** Appends `TimerFired` for timers that are due, so many at once, each until it stands in the log. */
export const timerFiring = ({ log, clock, logger, firingMax = 256, onFired }: Firing) => {
  const waiting: Timer[] = [];
  const closing = new AbortController();
  const running = new Set<Promise<void>>();

  let toldAt = Number.NEGATIVE_INFINITY;

  /** Thousands may be due while the log is away: one in a while speaks for all. */
  const tell = (timer: Timer, error: unknown) => {
    const now = clock.monotonic();
    if (error instanceof UnavailableError && now - toldAt < tellEveryMs) return;
    toldAt = now;
    const told = { orderId: timer.orderId, timerId: timer.id, firing: running.size, waiting: waiting.length };
    logger.warn({ ...told, err: error }, 'timer is due and cannot be fired yet; trying again');
  };

  const pump = () => {
    while (running.size < firingMax && waiting.length > 0 && !closing.signal.aborted) {
      const run = untilFired(waiting.shift()!).finally(() => {
        running.delete(run);
        pump();
      });
      running.add(run);
    }
  };

  const untilFired = async (timer: Timer): Promise<void> => {
    let delayMs = retryMsMin;
    while (timer.state !== 'gone' && !closing.signal.aborted) {
      try {
        await fireOnce(log, timer);
        return onFired(timer);
      } catch (error) {
        if (error instanceof ConflictError) continue;
        tell(timer, error);
        await sleep(clock, delayMs, closing.signal);
        delayMs = Math.min(delayMs * 2, retryMsMax);
      }
    }
  };

  return {
    fire: (timer: Timer): void => {
      waiting.push(timer);
      pump();
    },
    /** Fires nothing more; resolves when nothing is being fired. */
    close: async (): Promise<void> => {
      closing.abort();
      await Promise.all(running);
    },
  };
};

/** Appends nothing where the saga no longer waits for this timer, or where it stands in the log already. */
const fireOnce = async (log: EventLog, timer: Timer): Promise<void> => {
  if (!(await isStillSet(log, timer))) return;
  const { fired, head } = await lookUp(log, timer);
  if (!fired) await log.append(orderStream('saga-input', timer.orderId), head, [timerFired(timer)]);
};

/** The saga's own last record says which timers it waits for; one that was cancelled behind our back is not fired. */
const isStillSet = async (log: EventLog, { id, orderId }: Timer): Promise<boolean> => {
  const [last] = await log.readStream(orderStream('saga', orderId), { direction: 'backwards', max: 1 });
  if (last?.type !== 'SagaAdvanced') return false;
  const { askTimer, deadlineTimer } = last.data.state.context;
  return askTimer === id || deadlineTimer === id;
};

/** Whether it has fired, and the head of the stream. Nothing before the record that set it can tell. */
const lookUp = async (log: EventLog, timer: Timer): Promise<{ fired: boolean; head: number }> => {
  const stream = orderStream('saga-input', timer.orderId);
  let head: number | undefined;
  for (let from: number | undefined; ; ) {
    const page: readonly RecordedEvent[] = await log.readStream(stream, {
      direction: 'backwards',
      max: inputsMax,
      ...(from === undefined ? {} : { from }),
    });
    head ??= page[0]?.revision ?? noStream;
    if (page.some((it) => it.type === 'TimerFired' && it.data.timerId === timer.id))
      return { fired: true, head };
    const last = page.at(-1);
    if (last === undefined || last.revision === 0 || last.position < timer.position)
      return { fired: false, head };
    from = last.revision - 1;
  }
};

/** Its id depends on the timer alone, so that it cannot stand in the log twice. */
const timerFired = ({ id, orderId, causation, overdue }: Timer): NewEvent<'TimerFired'> => ({
  type: 'TimerFired',
  id: uuidV5(id, 'TimerFired') as EventId,
  correlation: orderId,
  causation,
  data: { timerId: id, overdue },
});
