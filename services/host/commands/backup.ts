import { resolve } from 'node:path';
import { Command } from 'commander';
import { megabyteBar, megabytesText } from '../backup/progress.ts';
import { saveBackup } from '../backup/save.ts';
import type { Environment } from '../config.ts';
import { reaching } from '../reach.ts';
import { complain, print, printJson } from '../terminal.ts';
import { examples, type WhereOptions, withWhere } from './options.ts';

/** `recourse backup`: everything that cannot be made anew, of one moment, in one file. */
export const backupCommand = (environment: Environment): Command =>
  withWhere(
    new Command('backup')
      .description('Take a backup of this moment, while orders go on, and check it')
      .argument('<file>', 'where to; it must not be there yet')
      .option('--json', 'as JSON: its manifest'),
  )
    .addHelpText(
      'after',
      examples('recourse backup backup-2026-01-31.tar', 'recourse backup /mnt/b.tar --data-dir data'),
    )
    .action((file: string, options: WhereOptions) =>
      reaching(environment, options, async (client) => {
        const bar = megabyteBar();
        try {
          if (process.stderr.isTTY) complain('Copying; the backup comes once all of it is of one moment.');
          const manifest = await saveBackup({
            file,
            take: () => client.download('POST', '/backups'),
            onBytes: bar.start,
            onWritten: bar.add,
          });
          bar.stop();
          if (options.json) return printJson(manifest);
          const bytes = manifest.files.reduce((sum, it) => sum + it.bytes, 0);
          print(
            `${resolve(file)}: ${megabytesText(bytes)} up to position ${manifest.position}, all sums right.`,
          );
          print(`Put it back: recourse restore ${file} --data-dir <folder>`);
        } finally {
          bar.stop();
        }
      }),
    );
