import { afterEach, describe, expect, it } from '@jest/globals';
import type { DeadLetter } from '@recourse/contracts/http';
import type { PoisonMessage } from '@recourse/contracts/http-dead-letters';
import { runRecourse } from './testing/run-recourse.ts';
import { answerJson, closeServers, scriptedServer } from './testing/scripted-server.ts';

const letter: DeadLetter = {
  id: '4711-1',
  group: 'payment',
  topic: 'payment.commands',
  orderId: '0192f0a0-0000-7000-8000-000000000001' as DeadLetter['orderId'],
  type: 'ProcessPayment',
  messageId: '00000000-0000-5000-8000-000000000001',
  attempts: 8,
  error: 'Error: cannot\nmake sense of it',
  parkedAt: '2026-01-31T12:00:00.000Z',
  message: { data: { amount: 5 } },
};
const poison: PoisonMessage = {
  id: 'poison-7',
  topic: 'payment.events',
  partition: 2,
  offset: 99,
  group: 'saga',
  reason: 'its data is no JSON',
  time: '2026-01-31T12:00:00.000Z',
  foundAt: '2026-01-31T12:00:01.000Z',
  headers: { ce_type: 'Nonsense' },
  key: null,
  value: '{',
  keyBase64: null,
  valueBase64: 'ew==',
};

/** A server with one of each, and what it was asked to do. */
const server = async () => {
  const asked: string[] = [];
  const { url } = await scriptedServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const path = request.url ?? '';
      if (request.method === 'POST') asked.push(`${path} ${body}`);
      if (path === '/dead-letters/redrive') {
        const { ids = ['all'] } = JSON.parse(body) as { ids?: string[] };
        const unknown = ids.filter((id) => id === '1-1');
        return answerJson(response, 202, { redriven: ids.length - unknown.length, unknown });
      }
      if (path.startsWith('/poison/'))
        return answerJson(response, request.method === 'POST' ? 202 : 200, poison);
      if (path.startsWith('/poison')) return answerJson(response, 200, { items: [poison], nextCursor: null });
      if (path.startsWith('/dead-letters/')) return answerJson(response, 200, letter);
      answerJson(response, 200, { items: [letter], nextCursor: '4711-1' });
    });
  });
  return { asked, run: (...args: string[]) => runRecourse(['dead-letters', ...args, '--url', url]) };
};

describe('recourse dead-letters', () => {
  afterEach(closeServers);

  it('lists what could not be handled and what cannot be read', async () => {
    const { run } = await server();
    for (const args of [[], ['list']]) {
      const { code, stdout } = await run(...args);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^4711-1 .*payment .*ProcessPayment +Error: cannot make sense of it$/m);
      expect(stdout).toMatch(/^poison-7 .*payment\.events +2 +99 +its data is no JSON$/m);
      expect(stdout).toMatch(/There are more/);
    }
    const { stdout } = await run('--json');
    expect(JSON.parse(stdout)).toMatchObject({
      deadLetters: { items: [letter] },
      poison: { items: [poison] },
    });
  });

  it('shows one of either', async () => {
    const { run } = await server();
    expect((await run('show', '4711-1')).stdout).toMatch(/attempts: 8[\s\S]*"amount": 5/);
    expect((await run('show', 'poison-7')).stdout).toMatch(
      /valueBase64: ew==[\s\S]*header ce_type: Nonsense/,
    );
    expect(JSON.parse((await run('show', '4711-1', '--json')).stdout)).toEqual(letter);
  });

  it('redrives some, or all, and says which are none', async () => {
    const { run, asked } = await server();
    const some = await run('redrive', '4711-1', '1-1', 'poison-7');
    expect([some.code, some.stdout, some.stderr.includes('There is no dead letter 1-1.')]).toEqual([
      1,
      '2 are tried again\n',
      true,
    ]);
    expect((await run('redrive', '--all')).stdout).toBe('1 is tried again\n');
    expect(asked).toEqual([
      '/dead-letters/redrive {"ids":["4711-1","1-1"]}',
      '/poison/poison-7/redrive ',
      '/dead-letters/redrive {"all":true}',
    ]);
    expect((await run('redrive')).code).toBe(1);
    expect((await run('redrive', '4711-1', '--all')).code).toBe(1);
  });

  it('discards one with a note', async () => {
    const { run, asked } = await server();
    expect((await run('discard', '4711-1')).code).toBe(1);
    const { code, stdout } = await run('discard', '4711-1', '--note', 'sent twice');
    expect([code, stdout]).toEqual([0, '4711-1 is dropped\n']);
    expect(asked).toEqual(['/dead-letters/4711-1/discard {"note":"sent twice"}']);
  });
});
