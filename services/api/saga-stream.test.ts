import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CloudEvent } from '@recourse/contracts/envelope';
import { orderStream } from '@recourse/contracts/streams';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { eventually, gate, orderOf, type TestApi, testApis, wholeWay } from '../../test/api-kit.ts';

const { start, closeAll } = testApis();
afterEach(closeAll);

const wait = { prefer: 'wait=60' };

/** Watches a saga; `events` grows as they come. */
const watch = async (api: TestApi, orderId: string, lastEventId?: string) => {
  const leave = new AbortController();
  const response = await fetch(`${api.url}/sagas/${orderId}/stream`, {
    headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
    signal: leave.signal,
  });
  const events: EventSourceMessage[] = [];
  const comments: string[] = [];
  const parser = createParser({
    onEvent: (event) => void events.push(event),
    onComment: (comment) => void comments.push(comment),
  });
  const ended = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) parser.feed(decoder.decode(chunk, { stream: true }));
  })();
  ended.catch(() => {});
  return { response, events, comments, ended, leave: () => leave.abort() };
};

const names = (events: readonly EventSourceMessage[]) => events.map(({ event }) => event);

describe('GET /sagas/:id/stream', () => {
  it('sends what has been, then what happens, with the commands by name, and ends with the saga', async () => {
    const api = await start({ running: false });
    const { json: order } = await api.post('/orders', orderOf());
    const stream = await watch(api, order.orderId);
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    await eventually(() => stream.events.length === 1);
    api.run();
    await stream.ended;
    expect(names(stream.events)).toEqual(wholeWay);
    const sent = stream.events.map(({ data }) => CloudEvent.parse(JSON.parse(data)));
    expect(sent.map(({ type }) => type)).toEqual(wholeWay);
    // A command says which step issued it.
    expect(sent[2]?.causationid).toBe(sent[1]?.id);
    expect(api.live.counts().streams).toBe(0);
  });

  it('sends the same for a saga that has ended', async () => {
    const api = await start();
    const { json: order } = await api.post('/orders', orderOf(), wait);
    const stream = await watch(api, order.orderId);
    await stream.ended;
    expect(names(stream.events)).toEqual(wholeWay);
    const ids = stream.events.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
  });

  it('resumes after any event, commands included, and misses nothing and repeats nothing', async () => {
    const api = await start();
    const { json: order } = await api.post('/orders', orderOf(), wait);
    const whole = await watch(api, order.orderId);
    await whole.ended;
    for (const [index, { id }] of whole.events.slice(0, -1).entries()) {
      const rest = await watch(api, order.orderId, id);
      await rest.ended;
      expect(rest.events).toEqual(whole.events.slice(index + 1));
    }
  });

  it('answers 204 to who has seen the end, so that nobody connects again', async () => {
    const api = await start();
    const { json: order } = await api.post('/orders', orderOf(), wait);
    const whole = await watch(api, order.orderId);
    await whole.ended;
    expect((await watch(api, order.orderId, whole.events.at(-1)?.id)).response.status).toBe(204);
    expect(api.live.counts().streams).toBe(0);
  });

  it('joins past and present without a gap, whenever the watcher comes', async () => {
    const api = await start();
    const { json: order } = await api.post('/orders', orderOf());
    const watchers = await Promise.all(Array.from({ length: 10 }, () => watch(api, order.orderId)));
    await Promise.all(watchers.map(({ ended }) => ended));
    for (const { events } of watchers) expect(names(events)).toEqual(wholeWay);
  });

  it.each(['head', 'readStream'] as const)(
    'sends everything once where the order runs to its end while %s is asked',
    async (held) => {
      const asked = gate();
      let hold = false;
      const api = await start({
        running: false,
        wrapLog: (log) => ({
          ...log,
          head: async () => {
            if (hold && held === 'head') await asked.opened;
            return log.head();
          },
          readStream: async (stream, options) => {
            if (hold && held === 'readStream' && stream.startsWith('saga-input-')) await asked.opened;
            return log.readStream(stream, options);
          },
        }),
      });
      const { json: order } = await api.post('/orders', orderOf());
      hold = true;
      const stream = watch(api, order.orderId);
      await eventually(() => api.live.counts().streams === 1);
      api.run();
      await eventually(() => api.live.openOrders() === 0);
      await eventually(async () => (await api.log.headOf(orderStream('saga', order.orderId))) === 4);
      asked.open();
      const { events, ended } = await stream;
      await ended;
      expect(names(events)).toEqual(wholeWay);
    },
  );

  it('sends once what came while the head was asked, and goes on from there', async () => {
    const asked = gate();
    let hold = false;
    const api = await start({
      running: false,
      wrapLog: (log) => ({
        ...log,
        head: async () => {
          if (hold) await asked.opened;
          return log.head();
        },
      }),
    });
    const { json: order } = await api.post('/orders', orderOf());
    hold = true;
    const stream = watch(api, order.orderId);
    await eventually(() => api.live.counts().streams === 1);
    await api.post(`/sagas/${order.orderId}/retry`);
    await eventually(async () => api.live.position() === (await api.log.readAll(0, 100)).at(-1)?.position);
    asked.open();
    const { events, leave } = await stream;
    await api.post(`/sagas/${order.orderId}/retry`);
    await eventually(() => events.length >= 3);
    expect(names(events)).toEqual(['OrderCreated', 'RetryRequested', 'RetryRequested']);
    leave();
  });

  it('sends nothing again that comes round only after it was read', async () => {
    let late = false;
    const behind = gate();
    const api = await start({
      running: false,
      wrapLog: (log) => ({
        ...log,
        follow: (after, max, onRecords) =>
          log.follow(after, max, async (records) => {
            if (late) await behind.opened;
            await onRecords(records);
          }),
      }),
    });
    late = true;
    const { json: order } = await api.post('/orders', orderOf());
    const { events, leave } = await watch(api, order.orderId);
    await eventually(() => events.length === 1);
    behind.open();
    await api.post(`/sagas/${order.orderId}/retry`);
    await eventually(() => events.at(-1)?.event === 'RetryRequested');
    expect(names(events)).toEqual(['OrderCreated', 'RetryRequested']);
    leave();
  });

  it('says that it lives while nothing happens', async () => {
    const api = await start({ running: false, limits: { heartbeatMs: 5 } });
    const { json: order } = await api.post('/orders', orderOf());
    const stream = await watch(api, order.orderId);
    await eventually(() => stream.comments.length >= 2);
    stream.leave();
    await eventually(() => api.live.counts().streams === 0);
  });

  it('refuses one stream more than it may have', async () => {
    const api = await start({ running: false, live: { streamsMax: 1 } });
    const { json: order } = await api.post('/orders', orderOf());
    const stream = await watch(api, order.orderId);
    const refused = await api.get(`/sagas/${order.orderId}/stream`);
    expect([refused.status, refused.json.code]).toEqual([503, 'overloaded']);
    stream.leave();
    await eventually(() => api.live.counts().streams === 0);
  });

  it('refuses a Last-Event-ID that is none of its own', async () => {
    const api = await start({ running: false });
    const { json: order } = await api.post('/orders', orderOf());
    const { status, json } = await api.get(`/sagas/${order.orderId}/stream`, { 'last-event-id': 'x' });
    expect([status, json.code, json.errors[0].path]).toEqual([400, 'invalid-request', 'Last-Event-ID']);
  });

  it('drops a reader who does not read, instead of keeping all that it leaves unread', async () => {
    const api = await start({ running: false });
    const { json: order } = await api.post('/orders', orderOf());
    const { hostname, port } = new URL(api.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => {});
    socket.write(`GET /sagas/${order.orderId}/stream HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.once('data', () => socket.pause());
    await eventually(() => api.live.counts().streams === 1);
    const stream = orderStream('saga-input', order.orderId);
    // 12 MB: more than the buffers of both ends hold.
    for (let batch = 0; batch < 3; batch += 1) {
      const events = Array.from({ length: 1_500 }, (_, index) => ({
        type: 'RetryRequested' as const,
        data: { note: 'x'.repeat(2_000) },
        id: `${batch}-${index}` as never,
        correlation: order.orderId,
        causation: order.orderId,
      }));
      await api.log.append(stream, await api.log.headOf(stream), events);
    }
    await eventually(() => api.live.counts().streams === 0);
    socket.destroy();
    // In less than the time after which a heartbeat would have found it.
  }, 12_000);

  it('ends when the process stops', async () => {
    const api = await start({ running: false });
    const { json: order } = await api.post('/orders', orderOf());
    const stream = await watch(api, order.orderId);
    await api.live.close();
    await stream.ended;
    expect(names(stream.events)).toEqual(['OrderCreated']);
  });
});
