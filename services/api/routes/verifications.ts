import { Verification } from '@recourse/contracts/http-verification';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Context } from '../deps.ts';
import { notFound, ProblemError } from '../problem.ts';
import { type Route, sendJson } from '../route.ts';

/** Proving that the log is what was written, and that everything that follows from it agrees with it. */
export const verificationRoutes = ({ verifications, ids }: Context): readonly Route[] => {
  const start = (_req: Request, res: Response): void => {
    const started = startOne();
    if (started === undefined)
      throw new ProblemError('verification-running', 'A verification is running: one at a time.');
    sendJson(res, 202, started, { Location: `/verifications/${started.verificationId}` });
  };

  const startOne = (): Verification | undefined => {
    try {
      return verifications.start(ids.next());
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      throw new ProblemError('unavailable', `The log cannot be verified: ${(error as Error).message}`);
    }
  };

  const show = (req: Request, res: Response): void => {
    const id = String(req.params.id);
    const found = verifications.find(id);
    if (found === undefined) throw notFound(`Verification ${id}`);
    sendJson(res, 200, found);
  };

  return [
    { ...documented.start, serve: start },
    { ...documented.show, serve: show },
  ];
};

const documented = {
  start: {
    method: 'post',
    path: '/verifications',
    operationId: 'startVerification',
    tag: 'Operations',
    summary: 'Begins to prove the log and everything that follows from it',
    description:
      'Up to the log’s head as it is now, while orders go on: every record against its checksum, every row of the read ' +
      'models against the fold of the log, every saga against its machine, every command against its answers, and the ledger.',
    responses: { 202: { description: 'It has begun.', schema: Verification } },
    problems: ['verification-running', 'no-space', 'unavailable', 'stopping'],
  },
  show: {
    method: 'get',
    path: '/verifications/:id',
    operationId: 'getVerification',
    tag: 'Operations',
    summary: 'Shows how far a verification is, and in the end its report',
    description: 'The last eight are kept, until the process ends.',
    params: z.object({ id: z.string().max(64) }),
    responses: { 200: { description: 'The verification.', schema: Verification } },
    problems: ['not-found'],
  },
} satisfies Record<string, Omit<Route, 'serve'>>;
