import type { Member } from '../../fleet.ts';

const lookEveryMs = 100;

/** Notes how long each process that is started from now on takes until it is ready, until `stop`. */
export const watchStarts = (members: readonly Member[]) => {
  const ms: number[] = [];
  const known = new Map(members.map((member) => [member, member.server()]));
  const look = () => {
    for (const member of members) {
      const server = member.server();
      if (server === undefined || server === known.get(member)) continue;
      known.set(member, server);
      ms.push(server.readyMs);
    }
  };
  const timer = setInterval(look, lookEveryMs);
  return { ms, stop: () => clearInterval(timer) };
};
