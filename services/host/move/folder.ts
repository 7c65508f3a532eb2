import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beyondLog } from '@recourse/infra/beyond-log';
import { type DeliveryStore, openDeliveryStore } from '@recourse/infra/broker/delivery-store';
import { StartError } from '@recourse/infra/errors';
import { holdFolder } from '@recourse/infra/lock';
import { openRecordSource, type RecordSource } from '@recourse/infra/log/record-source';
import { openStoredLog } from '@recourse/infra/log/stored-log';
import { headToVerify, verifyLog } from '@recourse/infra/log/verify';
import { findingList } from '@recourse/infra/log/verify-findings';
import type { Clock } from '@recourse/infra/ports/clock';
import { latestTimer } from '@recourse/infra/timer-store';
import { refuseImported } from '../imported.ts';
import type { Closing } from '../parts.ts';

/** A data folder in which nothing runs, held, its log checked. */
export type FolderToMove = {
  readonly dataDir: string;
  /** The position of the log's last record, and of how many streams there are. */
  readonly head: number;
  readonly streams: number;
  readonly source: RecordSource;
  /** What its consumer groups have left, for reading. */
  readonly deliveries: DeliveryStore;
};

/** How many findings a refusal names. */
const namedMax = 5;

/**
 * Takes a data folder to be moved, and checks its whole log. Throws `StartError`: `no-log`, `data-folder-held`,
 * `data-folder-imported`, `log-damaged` (names the records), `log-newer`, or `checkpoint-beyond-log`.
 */
export const openFolder = async (
  dataDir: string,
  closing: Closing,
  { clock, onChecked }: { readonly clock: Clock; onChecked(done: number, total: number): void },
): Promise<FolderToMove> => {
  const logPath = join(dataDir, 'log.db');
  if (!existsSync(logPath))
    throw new StartError('no-log', `${dataDir} holds no log.db: name the data folder of a Recourse.`);
  refuseImported(dataDir);
  const held = holdFolder(dataDir, { host: '127.0.0.1', port: 0, reading: true }, clock);
  closing.push(() => held.release());
  // It refuses what a newer Recourse wrote.
  await openStoredLog(logPath, clock).close();
  const streams = checkLog(logPath, onChecked);
  const source = openRecordSource(logPath);
  closing.push(source.close);
  const deliveries = openDeliveryStore(join(dataDir, 'delivery.db'), { readOnly: true });
  closing.push(deliveries.close);
  refuseBeyond(dataDir, source.head(), deliveries);
  return { dataDir, head: source.head(), streams, source, deliveries };
};

const checkLog = (path: string, onChecked: (done: number, total: number) => void): number => {
  const findings = findingList();
  const head = headToVerify(path);
  const { streams } = verifyLog(path, head, findings, () => ({
    hears: () => false,
    onRecord: () => {},
    onLost: () => {},
    onProgress: (position) => onChecked(position, head),
    onEnd: () => {},
  }));
  const { damage } = findings.counts();
  if (damage === 0) return streams;
  const told = findings
    .listed()
    .filter(({ kind }) => kind === 'damage')
    .slice(0, namedMax)
    .map(({ detail }) => detail);
  const more = damage > told.length ? [`and ${damage - told.length} more`] : [];
  throw new StartError(
    'log-damaged',
    [
      `The log ${path} is damaged, and is not moved as it is:`,
      ...told,
      ...more,
      'Restore the folder from a backup (docs/backup.md). Nothing was changed.',
    ].join('\n'),
  );
};

/** As the embedded composition does: such files are of another moment than the log. */
const refuseBeyond = (dataDir: string, head: number, deliveries: DeliveryStore): void => {
  const beyond = deliveries.beyond(head);
  if (beyond !== undefined) {
    const deletingIt = 'everything is delivered again, and what was done already is not done again';
    throw beyondLog({ path: join(dataDir, 'delivery.db'), head, deletingIt, ...beyond });
  }
  const path = join(dataDir, 'timers.db');
  const position = latestTimer(path);
  if (position <= head) return;
  throw beyondLog({
    path,
    head,
    deletingIt: 'the timers are set anew from the log',
    what: 'a timer',
    position,
  });
};
