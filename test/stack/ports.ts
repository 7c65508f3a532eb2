import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { StartError } from '@recourse/infra/errors';

/**
 * Below those that the system gives to outgoing connections: while a server of ours is down, nobody must come by its
 * port, nor a client that keeps trying connect to itself.
 */
const portMin = 15_000;
const portMax = 32_000;
const triesMax = 200;

/** `count` TCP ports of loopback that nobody listens on now. */
export const freePorts = async (count: number): Promise<readonly number[]> => {
  const found = new Set<number>();
  for (let tries = 0; tries < triesMax; tries += 1) {
    if (found.size === count) return [...found];
    const port = randomInt(portMin, portMax);
    if (await isFree(port)) found.add(port);
  }
  throw new StartError('no-port', `No ${count} free ports between ${portMin} and ${portMax} were found.`);
};

/** One TCP port of loopback that nobody listens on now. */
export const freePort = async (): Promise<number> => (await freePorts(1))[0]!;

/** Rejects with `StartError` where somebody listens on that port of loopback. */
export const mustBeFree = async (flag: string, port: number): Promise<void> => {
  if (!(await isFree(port))) {
    throw new StartError(
      'port-in-use',
      `${flag} ${port} is in use: stop what listens there, or choose another.`,
    );
  }
};

const isFree = (port: number) =>
  new Promise<boolean>((answer) => {
    const probe = createServer();
    probe.once('error', () => answer(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => answer(true)));
  });
