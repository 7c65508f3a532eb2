import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { orderOf, rawRequest, startTestApi, type TestApi } from '../../test/api-kit.ts';

const someId = '01a1feab-e491-75ed-bb95-b5af40d2012b';
const canary = 'canary-4711';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ running: false });
  await api.stock('85123A', 100);
});
afterAll(() => api.close());

const line = { sku: '85123A', quantity: 1, unitPrice: 100 };

describe('an order that cannot be taken', () => {
  it.each([
    ['no customer but null', orderOf({ customerId: null }), 'customerId'],
    ['an empty customer', orderOf({ customerId: '' }), 'customerId'],
    ['an unknown currency', orderOf({ currency: 'XXZ' }), 'currency'],
    ['a currency in small letters', orderOf({ currency: 'gbp' }), 'currency'],
    ['no currency', orderOf({ currency: undefined }), 'currency'],
    ['an empty country', orderOf({ country: '' }), 'country'],
    ['a country of 65 characters', orderOf({ country: 'x'.repeat(65) }), 'country'],
    ['a country with a line break', orderOf({ country: 'Fr\nance' }), 'country'],
    ['no payment token', orderOf({ paymentToken: undefined }), 'paymentToken'],
    ['a number for a payment token', orderOf({ paymentToken: 4711 }), 'paymentToken'],
    ['no lines', orderOf({ lines: undefined }), 'lines'],
    ['0 lines', orderOf({ lines: [] }), 'lines'],
    ['1,001 lines', orderOf({ lines: Array.from({ length: 1_001 }, () => line) }), 'lines'],
    ['lines that are no list', orderOf({ lines: 'two' }), 'lines'],
    ['a line that is null', orderOf({ lines: [null] }), 'lines[0]'],
    ['a quantity of 0', orderOf({ lines: [{ ...line, quantity: 0 }] }), 'lines[0].quantity'],
    ['a negative quantity', orderOf({ lines: [line, { ...line, quantity: -1 }] }), 'lines[1].quantity'],
    ['half a piece', orderOf({ lines: [{ ...line, quantity: 1.5 }] }), 'lines[0].quantity'],
    ['a quantity in quotes', orderOf({ lines: [{ ...line, quantity: '1' }] }), 'lines[0].quantity'],
    ['a price of 0', orderOf({ lines: [{ ...line, unitPrice: 0 }] }), 'lines[0].unitPrice'],
    ['a fractional price', orderOf({ lines: [{ ...line, unitPrice: 2.55 }] }), 'lines[0].unitPrice'],
    ['a price beyond 2^53', orderOf({ lines: [{ ...line, unitPrice: 2 ** 53 }] }), 'lines[0].unitPrice'],
    ['an empty SKU', orderOf({ lines: [{ ...line, sku: '' }] }), 'lines[0].sku'],
    ['a SKU of 65 characters', orderOf({ lines: [{ ...line, sku: 'x'.repeat(65) }] }), 'lines[0].sku'],
    ['a SKU with a control character', orderOf({ lines: [{ ...line, sku: 'a\u0007' }] }), 'lines[0].sku'],
    ['an unknown field', orderOf({ total: 100 }), 'total'],
    ['an unknown field in a line', orderOf({ lines: [{ ...line, price: 1 }] }), 'lines[0].price'],
    ['a list for a body', [], ''],
    ['null for a body', 'null', ''],
  ])('is refused for %s, naming the field', async (_, body, path) => {
    const { status, json } = await api.post('/orders', body);
    expect({ status, code: json.code }).toEqual({ status: 400, code: 'invalid-request' });
    expect(json.errors.map((error: { path: string }) => error.path)).toContain(path);
  });

  it('is refused where a field is called __proto__', async () => {
    const body = `{"__proto__":{"x":1},${JSON.stringify(orderOf()).slice(1)}`;
    const { status, json } = await api.post('/orders', body);
    expect([status, json.errors[0].path]).toEqual([400, '__proto__']);
  });

  it('is refused where its total passes 2^53 − 1', async () => {
    const dear = { ...line, quantity: 2, unitPrice: Number.MAX_SAFE_INTEGER };
    const { status, json } = await api.post('/orders', orderOf({ lines: [dear] }));
    expect([status, json.code, json.errors[0].path]).toEqual([400, 'money-overflow', 'lines']);
  });

  it('is refused naming every line whose SKU is not known', async () => {
    const unknown = { ...line, sku: 'never-seen' };
    const { status, json } = await api.post('/orders', orderOf({ lines: [line, unknown, line, unknown] }));
    expect([status, json.code]).toEqual([422, 'unknown-sku']);
    expect(json.errors.map(({ path }: { path: string }) => path)).toEqual(['lines[1].sku', 'lines[3].sku']);
  });

  it.each([
    ['broken off', '{"currency":"GBP"'],
    ['empty', ''],
    ['no JSON at all', 'currency=GBP'],
    ['led by a byte order mark', '\uFEFF{}'],
    ['not UTF-8', Buffer.from(JSON.stringify(orderOf({ country: 'Fran\u00e7e' })), 'latin1')],
  ])('is refused where its JSON is %s', async (_, body) => {
    const { status, json } = await api.post('/orders', body);
    expect([status, json.code]).toEqual([400, 'malformed-json']);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'application/json; charset=utf-16',
    'multipart/form-data; boundary=x',
  ])('is refused as %s', async (type) => {
    const { status, json } = await api.post('/orders', orderOf(), { 'content-type': type });
    expect([status, json.code]).toEqual([415, 'unsupported-media-type']);
  });

  it('is refused in an encoding', async () => {
    const { status } = await api.post('/orders', orderOf(), { 'content-encoding': 'gzip' });
    expect(status).toBe(415);
  });

  it.each(['Application/JSON', 'application/json;charset=UTF-8', 'application/json; charset="utf-8"'])(
    'is taken as %s',
    async (type) => {
      expect((await api.post('/orders', orderOf(), { 'content-type': type })).status).toBe(202);
    },
  );

  it('is refused beyond 256 KiB, and taken up to there', async () => {
    const body = JSON.stringify(orderOf());
    const atLimit = body + ' '.repeat(256 * 1024 - body.length);
    expect((await api.post('/orders', atLimit)).status).toBe(202);
    const beyond = await api.post('/orders', `${atLimit} `);
    expect([beyond.status, beyond.json.code]).toEqual([413, 'body-too-large']);
  });

  it('is refused without being read where it announces far too much', async () => {
    const answer = await rawRequest(
      api.url,
      'POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n{',
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toMatch(/\r\nConnection: close\r\n/i);
  });

  it('is refused where a body sent in chunks grows too large', async () => {
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    const answer = await rawRequest(
      api.url,
      `POST /orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(5)}0\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  it.each(['""', '"a', 'naïve', '"a\\b"', `"${'x'.repeat(256)}"`, 'x'.repeat(256)])(
    'is refused with the Idempotency-Key %s',
    async (key) => {
      const { status, json } = await api.post('/orders', orderOf(), { 'idempotency-key': key });
      expect([status, json.code, json.errors[0].path]).toEqual([400, 'invalid-request', 'Idempotency-Key']);
    },
  );

  it('leaves nothing in the log', async () => {
    const before = await api.log.head();
    await api.post('/orders', orderOf({ lines: [] }));
    await api.post('/orders', orderOf({ lines: [{ ...line, sku: 'never-seen' }] }));
    expect(await api.log.head()).toBe(before);
    expect(await api.log.headOf('stock-never-seen' as never)).toBe(-1);
  });

  it('is never repeated in an answer or in the logs', async () => {
    const answers = [
      await api.post('/orders', `{"paymentToken":"${canary}" "customerId":"${canary}"}`),
      await api.post('/orders', orderOf({ paymentToken: [canary], customerId: { canary } })),
      await api.post('/orders', orderOf({ paymentToken: `${canary}\n`, customerId: `${canary}\n` })),
    ];
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400]);
    expect(answers.map(({ text }) => text).join('')).not.toContain(canary);
    expect(api.lines.join('')).not.toContain(canary);
  });
});

describe('a path that leads nowhere', () => {
  it.each([
    ['GET', '/nowhere'],
    ['POST', '/orders/x/y/z'],
    ['DELETE', '/nowhere'],
  ])('%s %s answers 404', async (method, path) => {
    const { status, json, headers } = await api.send(method, path);
    expect([status, json.code, json.instance]).toEqual([404, 'not-found', path]);
    expect(headers.get('content-type')).toBe('application/problem+json');
  });

  it.each([
    ['PUT', '/orders', 'GET, HEAD, POST'],
    ['DELETE', `/orders/${someId}`, 'GET, HEAD'],
    ['GET', `/orders/${someId}/cancel`, 'POST'],
    ['POST', '/ledger', 'GET, HEAD'],
    ['PATCH', '/openapi.json', 'GET, HEAD'],
  ])('%s %s answers 405 with Allow', async (method, path, allow) => {
    const { status, json, headers } = await api.send(method, path);
    expect([status, json.code]).toEqual([405, 'method-not-allowed']);
    expect(headers.get('allow')?.split(', ').sort()).toEqual(allow.split(', ').sort());
  });

  it('OPTIONS says what a path takes', async () => {
    const { status, headers } = await api.send('OPTIONS', '/orders');
    expect([status, headers.get('allow')]).toEqual([204, 'POST, GET, HEAD']);
  });

  it('a path that is not percent-encoded UTF-8 answers 400', async () => {
    const { status, json } = await api.get('/inventory/%E0%A4%A');
    expect([status, json.code]).toEqual([400, 'invalid-id']);
  });

  it.each([
    '/orders/7',
    `/orders/${someId.toUpperCase()}`,
    '/orders/7/cancel-preview',
    '/sagas/not-an-id',
    '/sagas/not-an-id/history',
    '/sagas/not-an-id/stream',
    `/inventory/${'x'.repeat(65)}`,
    '/inventory/a%07',
  ])('%s answers 400: the id is not one', async (path) => {
    const { status, json } = await api.get(path);
    expect([status, json.code]).toEqual([400, 'invalid-id']);
  });

  it.each([
    ['GET', `/orders/${someId}`],
    ['GET', `/orders/${someId}/cancel-preview`],
    ['POST', `/orders/${someId}/cancel`],
    ['GET', `/sagas/${someId}`],
    ['GET', `/sagas/${someId}/history`],
    ['GET', `/sagas/${someId}/stream`],
    ['POST', `/sagas/${someId}/retry`],
    ['GET', '/inventory/never-seen'],
    ['POST', '/dead-letters/7/redrive'],
  ])('%s %s answers 404: nobody has made it', async (method, path) => {
    const { status, json } = await api.send(method, path);
    expect([status, json.code]).toEqual([404, 'not-found']);
  });
});

describe('a query', () => {
  it.each([
    ['/orders?status=open', 'status'],
    ['/orders?state=lost', 'state'],
    ['/orders?limit=0', 'limit'],
    ['/orders?limit=501', 'limit'],
    ['/orders?limit=ten', 'limit'],
    ['/orders?from=yesterday', 'from'],
    ['/orders?state=open&state=cancelled', 'state'],
    ['/sagas?stuck=perhaps', 'stuck'],
    ['/sagas?state=open', 'state'],
    ['/sagas?customerId=1', 'customerId'],
    ['/dead-letters?max=3', 'max'],
  ])('%s is refused, naming the parameter', async (path, parameter) => {
    const { status, json } = await api.get(path);
    expect([status, json.code, json.errors[0].path]).toEqual([400, 'invalid-request', parameter]);
  });

  it.each([
    '/orders?customerId=customer-1&state=open&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00.000Z&limit=500',
    '/sagas?state=paying&stuck=true&limit=1',
    '/dead-letters?limit=500',
  ])('%s is answered', async (path) => {
    expect((await api.get(path)).status).toBe(200);
  });
});

describe('what is no HTTP request', () => {
  it.each([
    ['noise', 'hello\r\n\r\n', 'This is no HTTP request.'],
    [
      'a request with two lengths',
      'POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      'This is no HTTP request.',
    ],
    [
      'headers without end',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      'The headers are too large.',
    ],
  ])('%s is answered with a problem as well', async (_, text, detail) => {
    const [head, body] = (await rawRequest(api.url, text)).split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    expect(head).toContain('application/problem+json');
    expect(JSON.parse(body ?? '')).toMatchObject({ code: 'invalid-request', detail });
  });
});
