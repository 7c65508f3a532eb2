import type { ApiDeps } from '@recourse/api/deps';
import { ProblemError } from '@recourse/api/problem';

const elsewhere = (what: string) =>
  new ProblemError(
    'not-in-distributed',
    `${what} a data folder, and a distributed installation has none: see docs/deploy.md for what does the same there.`,
  );

/** What works on the files of a data folder: refused with `not-in-distributed`, which says what to do instead. */
export const folderOnly: Pick<ApiDeps, 'backups' | 'verifications'> = {
  backups: {
    take: async () => {
      throw elsewhere('Backups are of');
    },
  },
  verifications: {
    start: () => {
      throw elsewhere('Verifications read');
    },
    find: () => undefined,
  },
};
