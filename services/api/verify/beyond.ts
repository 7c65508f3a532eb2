import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { openDeliveryStore } from '@recourse/infra/broker/delivery-store';
import { headToVerify } from '@recourse/infra/log/verify';
import { type FindingList, textOf } from '@recourse/infra/log/verify-findings';
import { isDamage } from '@recourse/infra/log/verify-rows';
import { latestTimer } from '@recourse/infra/timer-store';

type Latest = { readonly what: string; readonly position: number };

/**
 * Sees that no checkpoint, waiting message or timer speaks of a record beyond the log's last one. A log whose end is
 * lost with the write-ahead log, or of which an older copy was put back, is in itself as whole as before.
 */
export const checkBeyond = (dataDir: string, logPath: string, findings: FindingList): void => {
  look(join(dataDir, 'delivery.db'), logPath, findings, (path) => {
    const store = openDeliveryStore(path, { readOnly: true });
    try {
      return store.beyond(0);
    } finally {
      store.close();
    }
  });
  look(join(dataDir, 'timers.db'), logPath, findings, (path) => ({
    what: 'a timer',
    position: latestTimer(path),
  }));
};

const look = (
  path: string,
  logPath: string,
  findings: FindingList,
  latestIn: (path: string) => Latest | undefined,
): void => {
  if (!existsSync(path)) return;
  const name = basename(path);
  let latest: Latest | undefined;
  try {
    latest = latestIn(path);
  } catch (error) {
    findings.add('unchecked', 'beside-unreadable', name, `${path} cannot be read: ${textOf(error)}`);
    return;
  }
  // Looked at afterwards: what is there by now may speak of all that the log has by now.
  const head = headNow(logPath);
  if (latest === undefined || head === undefined || latest.position <= head) return;
  const known = `${name} knows of record ${latest.position} (${latest.what})`;
  const why = 'the log has lost its end, or the two are of different moments';
  findings.add('damage', 'end-missing', name, `log.db ends at record ${head}, and ${known}: ${why}`);
};

/** Where the log ends; `undefined` where it cannot be read, which is said by who reads all of it. */
const headNow = (logPath: string): number | undefined => {
  try {
    return headToVerify(logPath);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return undefined;
  }
};
