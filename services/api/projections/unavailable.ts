import type { Folding } from '@recourse/infra/project/fold';
import type { Unavailable } from '@recourse/infra/project/projector';

/**
 * SQLite's results (https://sqlite.org/rescode.html) that say that a file, a disk or memory fails, and nothing of what
 * was asked: busy, locked, no memory, read-only, I/O, damaged, full, cannot open, locking protocol, no database.
 */
const filesFail = new Set([5, 6, 7, 8, 10, 11, 13, 14, 15, 26]);

const isOfFiles = (error: unknown): error is Error => {
  const { code, errcode = 0 } = error as { readonly code?: string; readonly errcode?: number };
  // The low byte is the result, those above say more exactly which.
  return code === 'ERR_SQLITE_ERROR' && filesFail.has(errcode & 0xff);
};

/**
 * What `answer` gives of a read model, or that it is unavailable: it shows what another version has folded, its file
 * cannot be written now, or one that is read fails. Throws whatever else goes wrong.
 */
export const orUnavailable = <T>(name: string, folding: Folding, answer: () => T): T | Unavailable => {
  const own = () => folding.status().find((it) => it.name === name);
  const now = own();
  if (now?.state === 'outdated')
    return { unavailable: 'it shows what another version has folded', rebuilding: name };
  try {
    return answer();
  } catch (error) {
    const after = own();
    if (after?.state === 'waiting')
      return { unavailable: `the read model ${name} cannot be written: ${after.error?.message}` };
    if (isOfFiles(error)) return { unavailable: `the read model ${name} cannot be read: ${error.message}` };
    throw error;
  }
};
