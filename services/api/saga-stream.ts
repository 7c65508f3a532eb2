import { toCloudEvent } from '@recourse/contracts/envelope';
import { formatPosition } from '@recourse/contracts/http';
import { registered } from '@recourse/contracts/registry';
import type { Clock } from '@recourse/infra/ports/clock';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import type { Request, Response } from 'express';
import type { Context } from './deps.ts';
import { notFound, ProblemError } from './problem.ts';
import { historyCategories, readOrderUpTo } from './records.ts';
import { orderIdOf } from './routes/orders.ts';

/**
 * One order's events and commands as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 * An event's id is its position; a command's is that of its SagaAdvanced, a dot, and its index there from 1.
 */

/** A reader who leaves so much unread is dropped; it resumes where it was. */
const unreadBytesMax = 1024 * 1024;

/** A reader who takes nothing for so long while it is sent the past is dropped. */
const drainMsMax = 30_000;

/** Records that may come round while the past is read or written. */
const behindMax = 10_000;

const lastEventIdPattern = /^(\d{16})(?:\.(\d{1,6}))?$/;

/** A place in a stream: a position, and an index among the commands of that record (0: the record itself). */
type Place = { readonly position: number; readonly index: number };

/** Where a reader was: before everything without a `Last-Event-ID`. */
const placeOf = (lastEventId: string | string[] | undefined): Place => {
  if (lastEventId === undefined || lastEventId === '') return { position: 0, index: 0 };
  const match = lastEventIdPattern.exec(String(lastEventId));
  if (match !== null) return { position: Number(match[1]), index: Number(match[2] ?? 0) };
  const message = 'must be the id of an event of this stream';
  throw new ProblemError('invalid-request', `Last-Event-ID: ${message}`, {
    errors: [{ path: 'Last-Event-ID', message }],
  });
};

const frame = (id: string, event: string, data: unknown): string =>
  `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/** A record as it goes over the wire, with the commands that it issues; what lies after a place. */
const framesOf = (record: RecordedEvent, after: Place): string => {
  const id = formatPosition(record.position);
  if (record.position < after.position) return '';
  const seen = record.position === after.position ? after.index : -1;
  let text = seen < 0 ? frame(id, record.type, toCloudEvent(record)) : '';
  if (record.type !== 'SagaAdvanced') return text;
  for (const [index, command] of record.data.commands.entries()) {
    if (index + 1 <= seen) continue;
    const { version } = registered(command.type);
    const event = toCloudEvent({ ...record, ...command, version, causation: record.id });
    text += frame(`${id}.${index + 1}`, command.type, event);
  }
  return text;
};

const isEnd = (record: RecordedEvent) =>
  record.type === 'SagaAdvanced' && record.data.state.status === 'done';

const watched = new Set<string>(historyCategories);

/** The records of an order's own streams, without what it moved in the stock. */
const isHistory = ({ stream, correlation }: RecordedEvent) =>
  watched.has(stream.slice(0, stream.length - correlation.length - 1));

/** Serves `GET /sagas/:id/stream`. */
export const sagaStream =
  (context: Context) =>
  async (req: Request, res: Response): Promise<void> => {
    const { log, live, clock, limits } = context;
    const orderId = orderIdOf(req);
    const after = placeOf(req.headers['last-event-id']);
    if (context.stopping()) throw new ProblemError('stopping', 'The service is stopping.');

    let behind: RecordedEvent[] | undefined = [];
    /** Up to where the past has been read: what comes round late of it has been sent. */
    let past = 0;
    let stopHeartbeat = () => {};
    const unwatch = live.watch('stream', orderId, {
      onRecord: (record) => {
        if (!isHistory(record)) return;
        if (behind === undefined) write(record);
        else if (behind.push(record) > behindMax) res.destroy();
      },
      onClose: () => finish(),
    });
    if (unwatch === undefined) throw new ProblemError('overloaded', 'Too many event streams are open.');

    const leave = () => {
      unwatch();
      stopHeartbeat();
    };
    const finish = () => {
      leave();
      res.end();
    };
    const write = (record: RecordedEvent) => {
      if (record.position <= past) return;
      const text = framesOf(record, after);
      if (text !== '') res.write(text);
      if (isEnd(record)) finish();
      else if (res.writableLength > unreadBytesMax) res.destroy();
    };
    const heartbeat = () => {
      stopHeartbeat = clock.after(limits.heartbeatMs, () => {
        res.write(': alive\n\n');
        if (res.writableLength > unreadBytesMax) res.destroy();
        heartbeat();
      });
    };

    res.once('close', leave);
    try {
      const { records, head } = await readOrderUpTo(log, orderId, historyCategories);
      if (records.length === 0 && !behind.some(({ position }) => position > head)) {
        throw notFound(`Saga ${orderId}`);
      }
      past = head;
      const ended = records.some(isEnd);
      const texts = records.map((record) => framesOf(record, after)).filter((text) => text !== '');
      if (ended && texts.length === 0) {
        leave();
        res.writeHead(204).end();
        return;
      }
      open(res);
      if (req.method === 'HEAD') return finish();
      heartbeat();
      for (const text of texts) await written(res, text, clock);
      if (ended || res.writableEnded) return finish();
      const missed: readonly RecordedEvent[] = behind;
      behind = undefined;
      for (const record of missed) if (!res.writableEnded) write(record);
    } catch (error) {
      leave();
      throw error;
    }
  };

const open = (res: Response): void => {
  res.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  });
  res.flushHeaders();
};

/** Writes, and waits where the reader is slow, but not for ever; a reader that is gone needs nothing more. */
const written = (res: Response, text: string, clock: Clock): Promise<void> =>
  new Promise((resolve) => {
    if (res.destroyed || res.writableEnded || res.write(text)) return resolve();
    const done = () => {
      cancel();
      res.off('drain', done);
      res.off('close', done);
      resolve();
    };
    const cancel = clock.after(drainMsMax, () => res.destroy());
    res.on('drain', done);
    res.on('close', done);
  });
