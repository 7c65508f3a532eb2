import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { StartError } from '@recourse/infra/errors';
import { Command } from 'commander';
import type { Client } from '../client.ts';
import type { Environment } from '../config.ts';
import { asTest } from '../incident/as-test.ts';
import { readExport } from '../incident/read-export.ts';
import { reaching } from '../reach.ts';
import { complain } from '../terminal.ts';
import { examples, withWhere } from './options.ts';

type Options = {
  readonly out?: string;
  readonly asTest?: true;
  readonly url?: string;
  readonly dataDir?: string;
};

/** `recourse export`: an order's whole history without personal data, as JSON lines or as a test. */
export const exportCommand = (environment: Environment): Command =>
  withWhere(
    new Command('export')
      .description('Export the whole history of one order, personal data replaced by stand-ins')
      .argument('<id>', 'the order')
      .option('--out <file>', 'where to; it must not be there yet (default: standard output)')
      .option('--as-test', 'as a test file that replays it, given-when-then'),
  )
    .addHelpText(
      'after',
      examples(
        'recourse export 019a5b1c-0d2e-7a10-8f00-5a1c2b3d4e5f --out order.jsonl',
        'recourse export <id> --as-test --out test/incidents/lost-answer.test.ts',
        'recourse import order.jsonl --data-dir looked-at',
      ),
    )
    .action((id: string, options: Options) => {
      refuseFile(options.out);
      return reaching(environment, options, async (client) => {
        const text = await exportOf(client, id);
        // Read as whoever gets it will read it: what arrived broken shows here, not there.
        const exported = readExport(text, `The export of ${id}`);
        await put(options.out, options.asTest ? asTest(exported) : text);
      });
    });

const exportOf = async (client: Client, id: string): Promise<string> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await client.download('GET', `/sagas/${encodeURIComponent(id)}/export`))
    chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
};

const refuseFile = (out: string | undefined): void => {
  if (out !== undefined && existsSync(out))
    throw new StartError(
      'file-exists',
      `${resolve(out)} is there already: name another. Nothing was exported.`,
    );
};

const put = async (out: string | undefined, text: string): Promise<void> => {
  if (out === undefined) {
    process.stdout.write(text);
    return;
  }
  await writeFile(out, text, { flag: 'wx' }).catch((error: Error) => {
    throw new StartError('file-unusable', `${resolve(out)} cannot be written: ${error.message}.`);
  });
  complain(`${resolve(out)} is written.`);
};
