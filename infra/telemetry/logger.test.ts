import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { eventData } from '@recourse/contracts/events';
import { createLogger, personalFields } from './logger.ts';

const canary = 'canary-4711';

const open = (pretty: 'json' | 'pretty' = 'json') => {
  const lines: string[] = [];
  const logger = createLogger({
    level: 'debug',
    pretty,
    destination: new Writable({
      write: (line, _, done) => {
        lines.push(String(line));
        done();
      },
    }),
  });
  return { logger, lines };
};

describe('the log', () => {
  it('strikes out what the contracts mark as personal', () => {
    const fields = personalFields(Object.values(eventData));
    for (const name of ['customerId', 'paymentToken', 'note', 'bodyHash']) expect(fields).toContain(name);
  });

  it.each([
    ['at the top', { paymentToken: canary, customerId: canary }],
    ['in a record', { record: { type: 'OrderCreated', data: { paymentToken: canary, customerId: canary } } }],
    ['deep in lists', { a: [{ b: [{ c: { d: [{ customerId: canary }] } }] }] }],
    ['as an object', { customerId: { name: canary } }],
    ['in an error', { err: Object.assign(new Error('failed'), { data: { paymentToken: canary } }) }],
    [
      'in the cause of an error',
      { err: new Error('x', { cause: Object.assign(new Error('y'), { customerId: canary }) }) },
    ],
    ['deeper than anything of ours', nested(canary, 30)],
  ])('does not show personal data %s', (_, fields) => {
    const { logger, lines } = open();
    logger.info(fields, 'something happened');
    expect(lines.join('')).toContain('something happened');
    expect(lines.join('')).not.toContain(canary);
  });

  it('does not show personal data that a child carries', () => {
    const { logger, lines } = open();
    logger.child({ orderId: 'order-7', customerId: canary, order: { paymentToken: canary } }).warn('x');
    expect(lines.join('')).toContain('order-7');
    expect(lines.join('')).not.toContain(canary);
  });

  it('shows errors with what they say, where, and their code', () => {
    const { logger, lines } = open();
    logger.error(
      { err: Object.assign(new TypeError('no such table'), { code: 'ERR_X' }), orderId: 'o' },
      'failed',
    );
    const { level, err, msg, orderId } = JSON.parse(lines[0] ?? '');
    expect({ level, msg, orderId }).toEqual({ level: 50, msg: 'failed', orderId: 'o' });
    expect(err).toMatchObject({ type: 'TypeError', message: 'no such table', code: 'ERR_X' });
    expect(err.stack).toContain('logger.test');
  });

  it('takes an error alone, and leaves circles out', () => {
    const { logger, lines } = open();
    logger.error(new Error('alone'));
    const circle: Record<string, unknown> = { paymentToken: canary };
    circle.self = circle;
    logger.error({ circle }, 'round');
    expect(JSON.parse(lines[0] ?? '').err.message).toBe('alone');
    expect(lines[1]).toContain('round');
    expect(lines.join('')).not.toContain(canary);
  });

  it('writes lines for people as well', () => {
    const { logger, lines } = open('pretty');
    logger.info({ orderId: 'order-7', paymentToken: canary }, 'paid');
    expect(lines.join('')).toMatch(/paid[\s\S]*order-7/);
    expect(lines.join('')).not.toContain(canary);
  });
});

function nested(value: string, depth: number): Record<string, unknown> {
  return depth === 0 ? { inner: value } : { inner: nested(value, depth - 1) };
}
