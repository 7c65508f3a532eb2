import { join } from 'node:path';
import type { OrderId, TimerId } from '@recourse/contracts/ids';
import type { PendingTimer } from '@recourse/infra/ports/timer-store';
import { storedTimers } from '@recourse/infra/timer-store';
import type { FolderToMove } from './folder.ts';
import { presentForm, recordsOf } from './records.ts';

/**
 * The timers that are pending in a folder, sorted by their ids. Where `timers.db` was never written the log tells, as it
 * would at the next start of the folder.
 */
export const pendingIn = (folder: FolderToMove): readonly PendingTimer[] => {
  const { isNew, timers } = storedTimers(join(folder.dataDir, 'timers.db'));
  const pending = isNew ? setInLog(folder) : timers;
  return [...pending].sort((one, other) => (one.timerId < other.timerId ? -1 : 1));
};

const setInLog = ({ source, head }: FolderToMove): readonly PendingTimer[] => {
  const byOrder = new Map<OrderId, Map<TimerId, PendingTimer>>();
  let position = 0;
  for (const records of recordsOf(source, 0, head))
    for (const stored of records) {
      position += 1;
      if (stored.type !== 'SagaAdvanced') continue;
      const record = presentForm(stored, position);
      if (record.type !== 'SagaAdvanced') continue;
      const orderId = record.correlation as OrderId;
      const { timers, state } = record.data;
      const pending = byOrder.get(orderId) ?? new Map<TimerId, PendingTimer>();
      for (const timerId of timers.cancelled) pending.delete(timerId);
      for (const { id: timerId, kind, afterMs } of timers.set)
        pending.set(timerId, {
          timerId,
          orderId,
          causation: record.id,
          position,
          kind,
          afterMs,
          dueAt: record.time + afterMs,
        });
      if (state.status === 'done' || pending.size === 0) byOrder.delete(orderId);
      else byOrder.set(orderId, pending);
    }
  return [...byOrder.values()].flatMap((pending) => [...pending.values()]);
};
