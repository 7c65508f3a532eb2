import type { Verification } from '@recourse/contracts/http-verification';
import type { Server } from '../server.ts';

/** What proving a log took, with nothing else going on. */
export type VerifyReport = {
  readonly verdict: string | null;
  readonly events: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  /** Of the server's whole process: the two threads of the verification, too. */
  readonly peakMb: number;
};

const lookAgainMs = 200;

/** Verifies all that a server holds, and waits for the report. */
export const measureVerify = async (server: Server): Promise<VerifyReport> => {
  const ask = async (method: string, path: string): Promise<Verification> => {
    const answer = await fetch(`${server.url}${path}`, { method });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Verification;
  };
  let now = await ask('POST', '/verifications');
  while (now.state === 'running') {
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
    now = await ask('GET', `/verifications/${now.verificationId}`);
  }
  if (now.error !== null) throw new Error(`the verification failed: ${now.error}`);
  const { events, eventsPerSecond } = now.progress;
  return {
    verdict: now.verdict,
    events,
    seconds: (Date.parse(now.endedAt!) - Date.parse(now.startedAt)) / 1_000,
    eventsPerSecond,
    peakMb: (await server.memory()).peakMb,
  };
};
