import { afterEach, describe, expect, it } from '@jest/globals';
import { CloudEvent } from '@recourse/contracts/envelope';
import { History, Saga } from '@recourse/contracts/http';
import { orderStream } from '@recourse/contracts/streams';
import { ConflictError, UnavailableError } from '@recourse/infra/errors';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { eventually, orderOf, startTestApi, type TestApi, type TestApiOptions } from './testing/api.ts';

const started: TestApi[] = [];
const start = async (options?: TestApiOptions) => {
  const api = await startTestApi(options);
  started.push(api);
  await api.stock('85123A', 1_000);
  return api;
};
afterEach(async () => {
  await Promise.all(started.splice(0).map((api) => api.close()));
});

const wait = { prefer: 'wait=10' };

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

const wholeWay = [
  'OrderCreated',
  'SagaAdvanced',
  'ProcessPayment',
  'PaymentStarted',
  'PaymentProcessed',
  'SagaAdvanced',
  'ReserveInventory',
  'ReservationStarted',
  'InventoryReserved',
  'SagaAdvanced',
  'ShipOrder',
  'ShipmentStarted',
  'OrderShipped',
  'SagaAdvanced',
  'CompleteOrder',
  'OrderCompleted',
  'SagaAdvanced',
];

describe('GET /sagas/:id', () => {
  it('shows an order that its saga has not begun as accepted', async () => {
    const api = await start({ running: false });
    const { json: order } = await api.post('/orders', orderOf());
    const { status, json } = await api.get(`/sagas/${order.orderId}`);
    expect(status).toBe(200);
    expect(Saga.parse(json)).toMatchObject({ state: 'accepted', revision: -1, steps: [], stuck: false });
  });

  it('shows each step with what it heard and asked', async () => {
    const api = await start();
    const { json: order } = await api.post('/orders', orderOf(), wait);
    const saga = Saga.parse((await api.get(`/sagas/${order.orderId}`)).json);
    expect(saga).toMatchObject({ state: 'completed', waitsFor: null, deadline: null, next: [] });
    expect(saga.steps.map(({ heard }) => heard.type)).toEqual([
      'OrderCreated',
      'PaymentProcessed',
      'InventoryReserved',
      'OrderShipped',
      'OrderCompleted',
    ]);
  });

  it('shows the saga as it was at a revision', async () => {
    const api = await start();
    const { json: order } = await api.post('/orders', orderOf(), wait);
    const { json } = await api.get(`/sagas/${order.orderId}?revision=1`);
    expect(json).toMatchObject({ state: 'reserving', revision: 1, waitsFor: { type: 'ReserveInventory' } });
    expect(json.steps).toHaveLength(2);
    expect((await api.get(`/sagas/${order.orderId}?revision=4`)).json.state).toBe('completed');
  });

  it.each([
    ['revision=5', 404, 'not-found'],
    ['revision=-1', 400, 'invalid-request'],
    ['revision=', 400, 'invalid-request'],
    ['revision=1.5', 400, 'invalid-request'],
    ['at=1', 400, 'invalid-request'],
  ])('answers ?%s with %s', async (query, status, code) => {
    const api = await start();
    const { json: order } = await api.post('/orders', orderOf(), wait);
    const answer = await api.get(`/sagas/${order.orderId}?${query}`);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });

  it('is stuck when it is open past its deadline and some more, even if it never started', async () => {
    const api = await start({ running: false, limits: { deadlineMs: 0, stuckAfterMs: 0 } });
    const { json: order } = await api.post('/orders', orderOf());
    await eventually(async () => (await api.get(`/sagas/${order.orderId}`)).json.stuck);
  });
});

describe('GET /sagas/:id/history', () => {
  it('holds every event of the order as a CloudEvent, in the order of the log, without stock', async () => {
    const api = await start();
    const { json: order } = await api.post('/orders', orderOf(), wait);
    const history = History.parse((await api.get(`/sagas/${order.orderId}/history`)).json);
    const commands = new Set(['ProcessPayment', 'ReserveInventory', 'ShipOrder', 'CompleteOrder']);
    expect(history.events.map(({ type }) => type)).toEqual(wholeWay.filter((name) => !commands.has(name)));
    expect(history.events.every(({ subject }) => subject === order.orderId)).toBe(true);
  });
});

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

  it('ends when the process stops', async () => {
    const api = await start({ running: false });
    const { json: order } = await api.post('/orders', orderOf());
    const stream = await watch(api, order.orderId);
    await api.live.close();
    await stream.ended;
    expect(names(stream.events)).toEqual(['OrderCreated']);
  });
});

describe('POST /sagas/:id/retry', () => {
  it('asks the saga to try again, with the note', async () => {
    const api = await start({ running: false });
    const { json: order } = await api.post('/orders', orderOf());
    const { status, json } = await api.post(`/sagas/${order.orderId}/retry`, {
      note: 'the provider is back',
    });
    expect([status, json.sagaId]).toEqual([202, order.orderId]);
    const [input] = await api.log.readStream(orderStream('saga-input', order.orderId));
    expect([input?.type, input?.data]).toEqual(['RetryRequested', { note: 'the provider is back' }]);
  });

  it('needs no body, and is taken each time', async () => {
    const api = await start({ running: false });
    const { json: order } = await api.post('/orders', orderOf());
    expect((await api.post(`/sagas/${order.orderId}/retry`)).status).toBe(202);
    expect((await api.post(`/sagas/${order.orderId}/retry`, {})).status).toBe(202);
    expect(await api.log.headOf(orderStream('saga-input', order.orderId))).toBe(1);
  });

  it('is appended although a timer comes first', async () => {
    let conflicts = 2;
    const api = await start({
      running: false,
      wrapLog: (log) => ({
        ...log,
        append: async (stream, expected, events) => {
          if (stream.startsWith('saga-input-') && conflicts > 0) {
            conflicts -= 1;
            throw new ConflictError(stream, expected, expected + 1);
          }
          return log.append(stream, expected, events);
        },
      }),
    });
    const { json: order } = await api.post('/orders', orderOf());
    expect((await api.post(`/sagas/${order.orderId}/retry`)).status).toBe(202);
    expect([conflicts, await api.log.headOf(orderStream('saga-input', order.orderId))]).toEqual([0, 0]);
  });

  it('redrives the dead letters of the saga first', async () => {
    const done: string[] = [];
    const api = await start({
      running: false,
      wrapLog: (log) => ({
        ...log,
        append: async (stream, expected, events) => {
          if (stream.startsWith('saga-input-')) done.push('append');
          return log.append(stream, expected, events);
        },
      }),
      wrapDeadLetters: (deadLetters) => ({
        ...deadLetters,
        list: async () => [{ id: 'first' }, { id: 'second' }] as never,
        redrive: async (id) => {
          done.push(id);
          return true;
        },
      }),
    });
    const { json: order } = await api.post('/orders', orderOf());
    const { status } = await api.post(`/sagas/${order.orderId}/retry`);
    expect([status, done]).toEqual([202, ['first', 'second', 'append']]);
  });

  it('answers 409 once the saga has ended', async () => {
    const api = await start();
    const { json: order } = await api.post('/orders', orderOf(), wait);
    const { status, json } = await api.post(`/sagas/${order.orderId}/retry`);
    expect([status, json.code]).toEqual([409, 'saga-ended']);
  });

  it.each([
    ['a field too many', { note: 'x', force: true }, 400, 'invalid-request'],
    ['no JSON', 'retry!', 400, 'malformed-json'],
  ])('is refused with %s', async (_, body, status, code) => {
    const api = await start({ running: false });
    const { json: order } = await api.post('/orders', orderOf());
    const answer = await api.post(`/sagas/${order.orderId}/retry`, body);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });
});

describe('POST /sagas/:id/resolve', () => {
  /** An order whose payment has begun and gets no answer: its outcome cannot be recorded. */
  const stuckInPayment = async () => {
    let stuck = true;
    const api = await start({
      wrapLog: (log: EventLog) => ({
        ...log,
        append: async (stream, expected, events) => {
          const provider = events.some(({ type, data }) => type === 'PaymentProcessed' && !('by' in data));
          if (provider && stuck) throw new UnavailableError('out of order');
          return log.append(stream, expected, events);
        },
      }),
    });
    const { json: order } = await api.post('/orders', orderOf());
    await eventually(async () => (await api.log.headOf(orderStream('payment', order.orderId))) === 0);
    const saga = await api.get(`/sagas/${order.orderId}`);
    return {
      api,
      orderId: order.orderId as string,
      commandId: saga.json.waitsFor.commandId as string,
      goOn: () => {
        stuck = false;
      },
    };
  };

  const found = { outcome: 'PaymentProcessed', reference: 'ch_by_hand', note: 'seen at the provider' };

  it('records what a person found out, and the order goes on to its end', async () => {
    const { api, orderId, commandId, goOn } = await stuckInPayment();
    const { status, json } = await api.post(`/sagas/${orderId}/resolve`, { ...found, commandId });
    expect([status, json.sagaId]).toEqual([202, orderId]);
    const [, answer] = await api.log.readStream(orderStream('payment', orderId as never));
    expect(answer?.data).toMatchObject({ by: 'person', chargeId: 'ch_by_hand', amount: 510 });
    goOn();
    await eventually(async () => (await api.get(`/orders/${orderId}`)).json.state === 'completed');
  });

  it('is refused where the saga waits for another command, or for none any more', async () => {
    const { api, orderId } = await stuckInPayment();
    const commandId = '6d2f2b8f-e7ae-5ad3-90f2-e3b2647d3b30';
    const refused = await api.post(`/sagas/${orderId}/resolve`, { ...found, commandId });
    expect([refused.status, refused.json.code]).toEqual([409, 'not-outstanding']);
  });

  it.each([
    ['does not answer the command', { outcome: 'OrderShipped' }],
    ['contradicts itself', { openOutcome: 'PaymentFailed' }],
    ['speaks of another step', { openOutcome: 'OrderShipped' }],
  ])('is refused where the outcome %s', async (_, changes) => {
    const { api, orderId, commandId } = await stuckInPayment();
    const answer = await api.post(`/sagas/${orderId}/resolve`, { ...found, ...changes, commandId });
    expect([answer.status, answer.json.code]).toEqual([409, 'not-resolvable']);
  });

  it.each([
    [{ note: '' }, 'note'],
    [{ reference: '' }, 'reference'],
    [{ outcome: 'OrderCompleted' }, 'outcome'],
    [{ commandId: 'x' }, 'commandId'],
    [{ amount: 1 }, 'amount'],
  ])('is refused with %j, naming the field', async (changes, path) => {
    const { api, orderId, commandId } = await stuckInPayment();
    const { status, json } = await api.post(`/sagas/${orderId}/resolve`, { ...found, commandId, ...changes });
    expect([status, json.code, json.errors[0].path]).toEqual([400, 'invalid-request', path]);
  });
});
