import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Context } from '../deps.ts';
import type { Route } from '../route.ts';

/** `POST /backups`: takes a backup while everything goes on, and streams it. */
export const backupRoute = ({ backups }: Context): Route => {
  const serve = async (_req: Request, res: Response): Promise<void> => {
    const gone = new AbortController();
    res.once('close', () => gone.abort());
    try {
      const backup = await backups.take(gone.signal);
      try {
        res.writeHead(200, { 'Content-Type': 'application/x-tar', 'Cache-Control': 'no-store' });
        await pipeline(backup.stream, res);
      } finally {
        await backup.end();
      }
    } catch (error) {
      // Nobody is left to hear what became of it.
      if (!gone.signal.aborted) throw error;
    }
  };
  return { ...documented, serve };
};

const documented = {
  method: 'post',
  path: '/backups',
  operationId: 'takeBackup',
  tag: 'Operations',
  summary: 'Takes a backup of this moment, while orders go on',
  description:
    'A tar file: first `backup.json`, which says of which position of the log it is, with the size and the SHA-256 of ' +
    'each file, then the files. Read models are not in it: they are made again from the log. The answer begins once ' +
    'everything has been copied; read `backup.json` and compare the sums before you trust it.',
  responses: {
    200: { description: 'The backup.', schema: z.string(), contentType: 'application/x-tar' },
  },
  problems: ['backup-running', 'no-space', 'unavailable', 'stopping'],
} satisfies Omit<Route, 'serve'>;
