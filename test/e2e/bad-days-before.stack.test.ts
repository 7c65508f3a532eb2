import { execFile } from 'node:child_process';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { runRecourse as runCommand } from '../../services/host/testing/run-recourse.ts';
import { describeOnOwnServers } from '../stack/kit.ts';
import { type Stack, startStack } from '../stack/stack.ts';
import { badDayMsMax, endRuns, runRecourse } from './bad-days.ts';

jest.setTimeout(badDayMsMax);

describeOnOwnServers('a PostgreSQL that comes back in a state of before', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(async () => {
    await endRuns();
    await stack?.stop();
  });

  const settingsOf = (prefix: string) => ({
    ...stack.environment,
    KAFKA_PARTITIONS: '2',
    KAFKA_TOPIC_PREFIX: prefix,
    LOG_LEVEL: 'warn',
  });
  const start = async (prefix: string) => {
    const run = await runRecourse(settingsOf(prefix));
    await run.ready();
    return run;
  };

  it('ends every process that knows of more; then it goes on with what is there, on new topics', async () => {
    const run = await start('first.');
    await run.stockUp({ 'SKU-A': 100 });
    const kept = await run.placeAndWait();
    const data = join(stack.folder, 'postgres', 'data');
    await stack.postgres.stop('fast');
    // With its owner, who is another user where we are root.
    await promisify(execFile)('cp', ['-a', data, `${data}-before`]);
    await stack.postgres.start();
    await run.ready();
    const lost = await run.placeAndWait();
    expect([kept.state, lost.state]).toEqual(['completed', 'completed']);
    await stack.postgres.stop('immediate');
    await rm(data, { recursive: true });
    await rename(`${data}-before`, data);
    await stack.postgres.start();

    expect(await run.ended).toBe(1);
    expect(run.said()).toMatch(/PostgreSQL is in a state of before: records after position \d+ are missing/);
    const ran = await runCommand(['topics', 'republish', '--from-position', '1'], settingsOf('second.'));
    expect([ran.code, ran.stderr]).toEqual([0, expect.not.stringMatching(/error/i)]);
    const again = await start('second.');
    expect((await again.order(kept.orderId)).state).toBe('completed');
    expect((await again.get(`/orders/${lost.orderId}`)).status).toBe(404);
    expect((await again.placeAndWait()).state).toBe('completed');
    expect((await again.get('/dead-letters')).body.items).toEqual([]);
  });
});
