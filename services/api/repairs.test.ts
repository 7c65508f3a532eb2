import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { orderStream } from '@recourse/contracts/streams';
import { ConflictError, UnavailableError } from '@recourse/infra/errors';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { eventually, orderOf, testApis } from '../../test/api-kit.ts';
import { longSaga } from '../../test/long-saga.ts';

const { start, closeAll } = testApis();
afterAll(closeAll);

const wait = { prefer: 'wait=60' };

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

describe('what a person does to a saga of many steps', () => {
  it('reads its last step, and no more of them than are shown', async () => {
    const { api, orderId, commandId, read } = await longSaga(start, 1_500);
    read.records = 0;
    const other = '6d2f2b8f-e7ae-5ad3-90f2-e3b2647d3b30';
    const answer = { outcome: 'PaymentProcessed', reference: 'ch_by_hand', note: 'seen' };
    const refused = await api.post(`/sagas/${orderId}/resolve`, { ...answer, commandId: other });
    expect([refused.status, refused.json.code, read.records]).toEqual([409, 'not-outstanding', 1]);
    const fits = await api.post(`/sagas/${orderId}/resolve`, {
      ...answer,
      outcome: 'OrderShipped',
      commandId,
    });
    expect([fits.status, fits.json.code, read.records]).toEqual([409, 'not-resolvable', 2]);
    expect((await api.post(`/sagas/${orderId}/retry`)).status).toBe(202);
    expect(read.records).toBeLessThan(1_100);
  });
});

describe('POST /sagas/:id/resolve', () => {
  /** An order whose payment has begun and gets no answer: its outcome cannot be recorded. */
  const stuckInPayment = async () => {
    let outOfOrder = true;
    const api = await start({
      wrapLog: (log: EventLog) => ({
        ...log,
        append: async (stream, expected, events) => {
          const provider = events.some(({ type, data }) => type === 'PaymentProcessed' && !('by' in data));
          if (provider && outOfOrder) throw new UnavailableError('out of order');
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
        outOfOrder = false;
      },
    };
  };

  let stuck: Awaited<ReturnType<typeof stuckInPayment>>;
  beforeAll(async () => {
    stuck = await stuckInPayment();
  });

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
    const { api, orderId } = stuck;
    const commandId = '6d2f2b8f-e7ae-5ad3-90f2-e3b2647d3b30';
    const refused = await api.post(`/sagas/${orderId}/resolve`, { ...found, commandId });
    expect([refused.status, refused.json.code]).toEqual([409, 'not-outstanding']);
  });

  it.each([
    ['does not answer the command', { outcome: 'OrderShipped' }],
    ['contradicts itself', { openOutcome: 'PaymentFailed' }],
    ['speaks of another step', { openOutcome: 'OrderShipped' }],
  ])('is refused where the outcome %s', async (_, changes) => {
    const { api, orderId, commandId } = stuck;
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
    const { api, orderId, commandId } = stuck;
    const { status, json } = await api.post(`/sagas/${orderId}/resolve`, { ...found, commandId, ...changes });
    expect([status, json.code, json.errors[0].path]).toEqual([400, 'invalid-request', path]);
  });
});
