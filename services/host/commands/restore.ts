import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { megabyteBar, megabytesText } from '../backup/progress.ts';
import { restoreBackup } from '../backup/restore.ts';
import type { Environment } from '../config.ts';
import { settings } from '../settings.ts';
import { print, printJson } from '../terminal.ts';
import { examples } from './options.ts';

type Options = { readonly json?: true; readonly dataDir?: string };

/** `recourse restore`: puts a backup into an empty data folder. */
export const restoreCommand = (environment: Environment): Command =>
  new Command('restore')
    .description('Put a backup into a data folder that holds no data')
    .argument('<file>', 'the backup')
    .addOption(new Option('--data-dir <folder>', 'where to (default: DATA_DIR, or ./data)'))
    .option('--json', 'as JSON: its manifest')
    .addHelpText('after', examples('recourse restore backup-2026-01-31.tar --data-dir restored'))
    .action(async (file: string, options: Options) => {
      const dataDir = resolve(options.dataDir ?? (environment.DATA_DIR || settings.dataDir.default));
      const bar = megabyteBar();
      try {
        const manifest = await restoreBackup({ file, dataDir, onBytes: bar.start, onWritten: bar.add });
        bar.stop();
        if (options.json) return printJson(manifest);
        const bytes = manifest.files.reduce((sum, it) => sum + it.bytes, 0);
        print(
          `${dataDir}: ${megabytesText(bytes)} as of ${manifest.createdAt}, position ${manifest.position}.`,
        );
        print(`Start it: recourse start --data-dir ${dataDir} (lists and ledger are folded anew)`);
      } finally {
        bar.stop();
      }
    });
