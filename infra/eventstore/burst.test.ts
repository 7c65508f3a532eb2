import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../../test/eventstore/burst.ts', import.meta.url));

describe('a connection that breaks with more appends under way than it takes at once', () => {
  it('rejects them as unknown, ends nothing else, and takes them again', async () => {
    const { stdout } = await run(process.execPath, [script], { timeout: 60_000 });
    expect(JSON.parse(stdout)).toEqual({ broken: ['UnavailableError'], again: ['fulfilled'] });
  });
});
