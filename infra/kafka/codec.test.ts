import { afterEach, describe, expect, it } from '@jest/globals';
import type { OrderId } from '@recourse/contracts/ids';
import { registered, registry } from '@recourse/contracts/registry';
import { upcasters } from '@recourse/contracts/upcasters';
import { UnknownVersionError } from '../errors.ts';
import type { Message } from '../ports/broker.ts';
import { decode, encode, type RawMessage } from './codec.ts';

const order = '0192f0a0-0000-7000-8000-000000000001' as OrderId;
const uuid = (n: number) => `00000000-0000-5000-8000-00000000000${n}`;

const event = {
  kind: 'event',
  type: 'PaymentFailed',
  id: uuid(1),
  data: { commandId: uuid(2), reason: 'declined' },
  topic: 'payment.events',
  key: order,
  version: 1,
  stream: `payment-${order}`,
  revision: 3,
  position: 4711,
  time: 1_700_000_000_123,
  correlation: order,
  causation: uuid(2),
} as unknown as Message;
const command = {
  ...event,
  kind: 'command',
  type: 'ShipOrder',
  data: { country: 'Côte d’Ivoire' },
  topic: 'shipping.commands',
  stream: `saga-${order}`,
} as unknown as Message;

/** A message as it comes back from Kafka, with some of it changed. */
const raw = (
  message: Message,
  headers: Record<string, string | undefined> = {},
  more: Partial<RawMessage> = {},
): RawMessage => {
  const sent = encode(message);
  const all = { ...sent.headers, ...headers };
  return {
    key: Buffer.from(sent.key),
    value: Buffer.from(sent.value),
    timestamp: '1700000000999',
    headers: Object.fromEntries(
      Object.entries(all).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, Buffer.from(value)]],
      ),
    ),
    ...more,
  };
};
const reasonOf = (topic: Message['topic'], it: RawMessage) => {
  const read = decode(topic, it);
  if (read.kind !== 'poison') throw new Error('it can be read');
  return read.reason;
};

describe('a message of ours', () => {
  it.each([
    ['an event', event],
    ['a command', command],
  ])('comes back as it went: %s', (_, message) => {
    expect(decode(message.topic, raw(message))).toEqual(message);
  });

  it('is a CloudEvent in binary mode: attributes in headers, data alone in the value', () => {
    const { key, value, headers } = encode(event);
    expect(key).toBe(order);
    expect(JSON.parse(value)).toEqual(event.data);
    expect(headers).toMatchObject({
      ce_specversion: '1.0',
      ce_type: 'PaymentFailed',
      ce_source: `/streams/payment-${order}`,
      ce_subject: order,
      ce_time: '2023-11-14T22:13:20.123Z',
      ce_dataschema: 'urn:recourse:PaymentFailed:1',
      ce_sequence: '3',
      'content-type': 'application/json',
    });
    expect(headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  it.each<[string, RegExp, RawMessage]>([
    ['without headers', /ce_specversion/, { ...raw(event), headers: {} }],
    ['without its place', /ce_position/, raw(event, { ce_position: undefined })],
    ['with a place that is no number', /ce_position/, raw(event, { ce_position: '-1' })],
    ['without a key', /the key/, raw(event, {}, { key: null })],
    ['under the key of another order', /the key/, raw(event, {}, { key: Buffer.from(uuid(9)) })],
    ['without data', /no data/, raw(event, {}, { value: null })],
    ['whose data is no JSON', /no JSON/, raw(event, {}, { value: Buffer.from('{"a":') })],
    ['whose data its schema refuses', /no PaymentFailed/, raw(event, {}, { value: Buffer.from('{}') })],
    ['with a type that its schema is not of', /ce_dataschema/, raw(event, { ce_type: 'OrderShipped' })],
    ['from no stream', /ce_source/, raw(event, { ce_source: '/streams/%E0%A4%A' })],
    ['that belongs to another topic', /belong/, raw(command)],
  ])('is poison %s', (_, reason, it) => {
    expect(reasonOf('payment.events', it)).toMatch(reason);
  });

  /** What these say may be any text. */
  const opaque = ['traceparent', 'ce_correlationid', 'ce_causationid'];

  it.each(Object.keys(encode(event).headers))('is poison without %s, or with nonsense in it', (name) => {
    const wrong = opaque.includes(name) ? [undefined, ''] : [undefined, '', '%'];
    if (name === 'traceparent')
      return expect(decode('payment.events', raw(event, { [name]: '%' }))).toEqual(event);
    for (const value of wrong)
      expect(reasonOf('payment.events', raw(event, { [name]: value }))).toMatch(name);
  });

  it.each<[string, RawMessage]>([
    [
      'names of headers in capitals',
      {
        ...raw(event),
        headers: Object.fromEntries(
          Object.entries(raw(event).headers!).map(([name, value]) => [name.toUpperCase(), value]),
        ),
      },
    ],
    ['a parameter of its content type', raw(event, { 'content-type': 'application/json; charset=utf-8' })],
    [
      'a time without milliseconds',
      raw({ ...event, time: 1_700_000_000_000 }, { ce_time: '2023-11-14T22:13:20Z' }),
    ],
    ['a stream with escapes', raw({ ...event, stream: 'payment-é/1' } as Message)],
    ['headers that we do not know', raw(event, { 'x-other': '1', tracestate: 'a=b' })],
    [
      'a header twice',
      {
        ...raw(event),
        headers: { ...raw(event).headers, ce_type: [Buffer.from('x'), Buffer.from('PaymentFailed')] },
      },
    ],
  ])('may come with %s', (_, it) => {
    expect(decode('payment.events', it)).toMatchObject({
      kind: 'event',
      type: 'PaymentFailed',
      data: event.data,
    });
  });

  it.each(['2023-02-30T00:00:00.000Z', '2023-11-14T22:13:20.123', 'Tue, 14 Nov 2023 22:13:20 GMT'])(
    'is poison with the time %s',
    (time) => {
      expect(reasonOf('payment.events', raw(event, { ce_time: time }))).toMatch(/ce_time/);
    },
  );

  it('says nothing of its data when it is poison', () => {
    const canary = 'canary-4711';
    const value = Buffer.from(JSON.stringify({ commandId: canary, reason: canary, x: canary }));
    expect(reasonOf('payment.events', raw(event, {}, { value }))).not.toContain(canary);
  });

  it.each([
    ['a version', { ce_dataschema: 'urn:recourse:PaymentFailed:2' }],
    ['a type', { ce_type: 'PaymentDisputed', ce_dataschema: 'urn:recourse:PaymentDisputed:1' }],
  ])('that this build does not know by %s is neither taken nor poison', (_, headers) => {
    expect(() => decode('payment.events', raw(event, headers))).toThrow(UnknownVersionError);
  });

  describe('of an older version', () => {
    const original = registered('ShipOrder');
    afterEach(() => {
      registry.set('ShipOrder', original);
      delete (upcasters as Record<string, unknown>).ShipOrder;
    });
    it('comes as the present one', () => {
      registry.set('ShipOrder', { ...original, version: 2 });
      (upcasters as Record<string, unknown>).ShipOrder = [() => ({ country: 'Atlantis' })];
      expect(decode('shipping.commands', raw(command))).toMatchObject({
        version: 2,
        data: { country: 'Atlantis' },
      });
    });
  });
});

describe('an answer of somebody else', () => {
  const answer = (
    headers: Record<string, string>,
    value: string,
    key: string | null = order,
  ): RawMessage => ({
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(value),
    timestamp: '1700000000999',
    headers,
  });

  it('is handed over as it came, with what it says it is', () => {
    const headers = {
      ce_id: 'any text',
      ce_type: 'OrderShipped',
      ce_source: '/carrier',
      ce_dataschema: 'urn:recourse:OrderShipped:1',
      ce_causationid: uuid(2),
    };
    expect(decode('shipping.replies', answer(headers, '{"commandId":"x"}'))).toEqual({
      kind: 'reply',
      type: 'Reply',
      id: 'any text',
      data: { type: 'OrderShipped', version: 1, data: { commandId: 'x' } },
      topic: 'shipping.replies',
      key: order,
      version: 1,
      stream: '/carrier',
      revision: 0,
      position: 0,
      time: 1_700_000_000_999,
      correlation: order,
      causation: uuid(2),
    });
  });

  it('may name its order as the subject alone, be of any version, and hold no JSON at all', () => {
    const headers = { ce_subject: order, ce_dataschema: 'urn:recourse:OrderShipped:99' };
    expect(decode('shipping.replies', answer(headers, '<xml/>', null))).toMatchObject({
      kind: 'reply',
      key: order,
      data: { type: '', version: 99, data: '<xml/>' },
    });
  });

  it('is poison only where nobody can tell its order', () => {
    expect(reasonOf('shipping.replies', answer({}, '{}', 'order-7'))).toMatch(/order/);
    expect(reasonOf('shipping.replies', answer({ ce_subject: 'x' }, '{}', null))).toMatch(/order/);
  });

  it('is not ours to send', () => {
    const reply = decode('shipping.replies', answer({}, '{}')) as Message;
    expect(() => encode(reply)).toThrow(TypeError);
  });
});
