import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { type Server, startServer } from './server.ts';
import { freePort } from './stack/ports.ts';

/** Processes of one distributed installation, each kept alive as a supervisor would. */

/** One process: what it does, and what it is now. */
export type Member = {
  /** Of this fleet: `api 1`. */
  readonly name: string;
  readonly roles: string;
  readonly url: string;
  /** The process that runs now; undefined between two. */
  server(): Server | undefined;
  /** How often it was started again. */
  restarts(): number;
  /** CPU seconds of all its processes so far. */
  cpuSeconds(): Promise<number>;
  /** Sends a signal to the process that runs now. */
  signal(signal: NodeJS.Signals): void;
};

/** What a fleet is made of: a name, its roles, how many processes. */
export type Company = { readonly name: string; readonly roles: string; readonly count: number };

/** Two of each role, in eight processes. */
export const twoOfEach: readonly Company[] = [
  { name: 'api', roles: 'api', count: 2 },
  { name: 'saga', roles: 'orchestrator,timers', count: 2 },
  { name: 'way', roles: 'relay,projector,ingest', count: 2 },
  { name: 'work', roles: 'order,payment,inventory,shipping', count: 2 },
];

/** A fleet that runs. */
export type Fleet = {
  readonly members: readonly Member[];
  /** Those that take orders. */
  apis(): readonly Member[];
  /** Stops all, gracefully, and waits; resolves with the exit codes, by name. */
  stop(): Promise<Readonly<Record<string, number | null>>>;
};

/** How a fleet is started. */
export type FleetOptions = {
  readonly companies: readonly Company[];
  /** Where Kafka and the databases are, and any other setting, by variable. */
  readonly environment: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Where each member's lines go, a file for each; default: what is worse than a warning, to stderr. */
  readonly logFolder?: string;
  /** Called when a process has ended that was not stopped. */
  readonly onExit?: (member: Member, code: number | null) => void;
};

/** Starts all processes and waits until each is ready. One that ends is started again. */
export const startFleet = async (options: FleetOptions): Promise<Fleet> => {
  let stopping = false;
  const all = options.companies.flatMap(({ name, roles, count }) =>
    Array.from({ length: count }, (_, index) => ({ name: `${name} ${index + 1}`, roles })),
  );
  const starting = await Promise.allSettled(all.map((it) => startMember(it, options, () => stopping)));
  const members = starting.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
  const failed = starting.find((it) => it.status === 'rejected');
  if (failed !== undefined) {
    stopping = true;
    for (const member of members) member.signal('SIGKILL');
    throw failed.reason;
  }
  return {
    members,
    apis: () => members.filter(({ roles }) => roles === 'all' || roles.split(',').includes('api')),
    stop: async () => {
      stopping = true;
      const codes = await Promise.all(
        members.map(async (member) => {
          const server = member.server();
          server?.signal('SIGCONT');
          server?.signal('SIGTERM');
          return [member.name, (await server?.exited) ?? null] as const;
        }),
      );
      return Object.fromEntries(codes);
    },
  };
};

const startMember = async (
  { name, roles }: Pick<Member, 'name' | 'roles'>,
  { environment, args = [], logFolder, onExit }: FleetOptions,
  stopping: () => boolean,
): Promise<Member> => {
  const port = await freePort();
  let server: Server | undefined;
  let restarts = 0;
  let cpuBefore = 0;
  let cpuNow = 0;

  const start = async (): Promise<void> => {
    const log = logFolder === undefined ? undefined : openSync(join(logFolder, `${name}.log`), 'a');
    const started = await startServer('unused', {
      port,
      environment,
      args: ['--role', roles, ...args, ...(log === undefined ? [] : ['--log-level', 'info'])],
      ...(log !== undefined && { stdio: ['ignore', log, log] }),
    }).finally(() => {
      if (log !== undefined) closeSync(log);
    });
    server = started;
    void started.exited.then((code) => {
      server = undefined;
      cpuBefore += cpuNow;
      cpuNow = 0;
      if (stopping()) return;
      onExit?.(member, code);
      restarts += 1;
      void again();
    });
  };

  const again = async (): Promise<void> => {
    while (!stopping() && server === undefined) await start().catch(() => {});
  };

  const member: Member = {
    name,
    roles,
    url: `http://127.0.0.1:${port}`,
    server: () => server,
    restarts: () => restarts,
    cpuSeconds: async () => {
      cpuNow = (await server?.cpuSeconds().catch(() => undefined)) ?? cpuNow;
      return cpuBefore + cpuNow;
    },
    signal: (signal) => server?.signal(signal),
  };
  await start();
  return member;
};
