import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OrderId } from '@recourse/contracts/ids';
import { StartError } from '@recourse/infra/errors';

/** What a data folder says of itself that holds an imported order. */
export type ImportNote = { readonly orderId: OrderId; readonly from: string };

/** The file that marks such a folder. */
export const importNoteName = 'imported.json';

/**
 * Refuses a data folder that holds an imported order: where it came from it has been acted on already, and it would
 * act again. Throws the `StartError` `data-folder-imported`.
 */
export const refuseImported = (dataDir: string): void => {
  const path = join(dataDir, importNoteName);
  if (!existsSync(path)) return;
  const { orderId, from } = JSON.parse(readFileSync(path, 'utf8')) as ImportNote;
  throw new StartError(
    'data-folder-imported',
    `${dataDir} holds order ${orderId}, imported from ${from} to be looked at: started, it would act again. ` +
      `Look at it with recourse history ${orderId} --data-dir ${dataDir}, or start on another data folder.`,
  );
};
