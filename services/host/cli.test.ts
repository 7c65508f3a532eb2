import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { settingNames } from './config.ts';
import { runRecourse } from './testing/run-recourse.ts';

// Each test runs several processes, and the machine may be busy.
let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recourse-cli-'));
  file = join(folder, 'export.csv');
  await writeFile(file, 'InvoiceNo,StockCode,Quantity,UnitPrice,CustomerID,Country\n1,A,1,2.50,,France\n');
});
afterAll(() => rm(folder, { recursive: true }));

/** A port on which nothing listens: it is reserved, and never handed out. */
const nowhere = 'http://127.0.0.1:1';
const id = '019a5b1c-0d2e-7a10-8f00-5a1c2b3d4e5f';

describe('the command line', () => {
  it('shows for every command what it does, with examples', async () => {
    const commands = ['start', 'demo', 'order', 'watch', 'history', 'ledger', 'query', 'load', 'config'];
    const helps = await Promise.all(commands.map((command) => runRecourse([command, '--help'])));
    for (const [i, help] of helps.entries()) {
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toContain(`Usage: recourse ${commands[i]}`);
      expect(help.stdout).toContain('Examples:');
    }
    const { code, stdout } = await runRecourse(['--help']);
    expect(code).toBe(0);
    for (const command of commands) expect(stdout).toContain(`  ${command} `);
  });

  it('lists all settings as JSON, with where each value came from', async () => {
    const { code, stdout } = await runRecourse(['config', '--json', '--slow-ms', '5'], { PORT: '4321' });
    expect(code).toBe(0);
    const listed: { name: string; value: unknown; source: string; default: string }[] = JSON.parse(stdout);
    expect(listed.map(({ name }) => name)).toEqual(settingNames);
    expect(listed).toContainEqual(
      expect.objectContaining({ name: 'port', value: 4321, source: 'environment', default: '3000' }),
    );
    expect(listed).toContainEqual(expect.objectContaining({ name: 'slowMs', value: 5, source: 'flag' }));
    expect(listed).toContainEqual(
      expect.objectContaining({ name: 'host', value: '127.0.0.1', source: 'default' }),
    );
  });

  it('writes no colours where nobody sees them', async () => {
    const { stdout } = await runRecourse(['config'], { CI: 'true' });
    expect(stdout).toContain('PORT');
    expect(stdout).not.toContain('\u001b[');
  });

  const refused: [string, string[], Record<string, string>, RegExp][] = [
    ['an unknown flag', ['start', '--prt', '1'], {}, /unknown option '--prt'\n\(Did you mean --port\?\)/],
    ['an unknown command', ['ordr'], {}, /unknown command 'ordr'\n\(Did you mean order\?\)/],
    ['a superfluous argument', ['ledger', 'x'], {}, /too many arguments/],
    ['a missing argument', ['watch'], {}, /missing required argument 'id'/],
    [
      'a bad setting by flag',
      ['start', '--port', 'abc'],
      {},
      /^PORT \(--port\) is "abc" by --port: it must be/,
    ],
    [
      'a bad setting by environment',
      ['start'],
      { LOG_LEVEL: 'loud' },
      /^LOG_LEVEL \(--log-level\) is "loud" in the/,
    ],
    ['a bad setting for config', ['config'], { PORT: 'x' }, /^PORT \(--port\) is "x"/],
    [
      'a host that others reach',
      ['start', '--host', '0.0.0.0'],
      {},
      /^HOST \(--host\) is 0\.0\.0\.0: .*--allow-unauth/,
    ],
    [
      'a data folder that is a file',
      ['start', '--data-dir', import.meta.filename],
      {},
      /^DATA_DIR \(--data-dir\) .*ENOTDIR/,
    ],
    [
      'a data folder that cannot be',
      ['start', '--data-dir', '/proc/x'],
      {},
      /^DATA_DIR \(--data-dir\) .* cannot be written/,
    ],
    [
      'an order without a server',
      ['order', '--url', nowhere],
      {},
      /^No Recourse server answers at http:\/\/127\.0\.0\.1:1 /,
    ],
    ['a ledger without a server', ['ledger'], { RECOURSE_URL: nowhere }, /^No Recourse server answers/],
    [
      'a history without a server and without a folder',
      ['history', id],
      { PORT: '1', DATA_DIR: '/nowhere' },
      /^No Recourse server answers .* holds no log\. /,
    ],
    ['a watch without a server', ['watch', id], { PORT: '1' }, /^No Recourse server answers/],
    ['a demo without a server', ['demo'], { PORT: '1' }, /^No Recourse server answers/],
    [
      'a bad address',
      ['ledger', '--url', 'shop'],
      {},
      /^--url is "shop": it must be the address of a server/,
    ],
    [
      'a bad address in the environment',
      ['ledger'],
      { RECOURSE_URL: 'ftp://x' },
      /^RECOURSE_URL is "ftp:\/\/x"/,
    ],
    [
      'a bad line',
      ['order', '--line', 'MUG:0:2.49'],
      {},
      /^--line is "MUG:0:2.49": it must be sku:quantity:price/,
    ],
    ['a line with a fraction of a penny', ['order', '--line', 'MUG:1:2.499'], {}, /at most 2 decimals/],
    ['an unknown currency', ['order', '--currency', 'pounds'], {}, /^--currency is "pounds"/],
    ['a bad wait', ['order', '--wait', 'long'], {}, /^--wait is "long"/],
    [
      'a file that is not there',
      ['load', '/nothing.csv'],
      {},
      /^\/nothing\.csv does not exist\. Nothing was sent\.$/m,
    ],
    ['a file of something else', ['load', import.meta.filename], {}, /Nothing was sent\.\n$/],
    ['a bad share', ['load', 'x', '--stock-share', 'half'], {}, /^--stock-share is "half"/],
    [
      'a bad concurrency',
      ['load', 'x', '--concurrency', '0'],
      {},
      /^--concurrency is "0": it must be a whole number/,
    ],
  ];
  it('says in one clear message what is wrong, and exits with 1', async () => {
    // Two at a time: each is a process, and takes most of a second.
    const left = [...refused];
    const check = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const [what, args, environment, message] = next;
        const { code, stdout, stderr } = await runRecourse(args, environment);
        expect({ what, code, stdout }).toEqual({ what, code: 1, stdout: '' });
        expect({ what, stderr }).toEqual({ what, stderr: expect.stringMatching(message) });
        expect(stderr).not.toContain('    at ');
        expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(3);
      }
    };
    await Promise.all([check(), check()]);
  });

  it('reads a whole file before it looks for a server', async () => {
    const { code, stderr, stdout } = await runRecourse(['load', file, '--url', nowhere]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^No Recourse server answers/);
  });
});
