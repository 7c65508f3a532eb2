import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { Environment } from '../config.ts';
import { importExport } from '../incident/import-export.ts';
import { settings } from '../settings.ts';
import { print } from '../terminal.ts';
import { examples } from './options.ts';

/** `recourse import`: an exported order in a data folder of its own, to be looked at. */
export const importCommand = (environment: Environment): Command =>
  new Command('import')
    .description('Read an exported order into a data folder that holds no data, to look at it at leisure')
    .argument('<file>', 'the export')
    .addOption(new Option('--data-dir <folder>', 'where to (default: DATA_DIR, or ./data)'))
    .addHelpText(
      'after',
      `\nTimes, revisions and ids are kept. Nothing can be started on such a folder: its order would act again.\n${examples(
        'recourse import order.jsonl --data-dir looked-at',
        'recourse history <id> --data-dir looked-at',
      )}`,
    )
    .action(async (file: string, options: { readonly dataDir?: string }) => {
      const dataDir = resolve(options.dataDir ?? (environment.DATA_DIR || settings.dataDir.default));
      const { header, records, leftOut } = await importExport(file, dataDir);
      print(`${dataDir}: ${records} records of order ${header.orderId}.`);
      if (leftOut > 0)
        print(`${leftOut} records of the stock were left out: their streams belong to other orders, too.`);
      print(`Look at it: recourse history ${header.orderId} --data-dir ${dataDir}`);
    });
