import { connect, createServer, type Socket } from 'node:net';

/**
 * The way to a server over TCP, on a port that stays the same: it can be shut (nobody gets in, whoever is in is thrown
 * out), and it can freeze: what was sent is neither delivered nor refused, as with a machine that hangs.
 */
export const door = async (portBehind: () => number) => {
  const pairs = new Set<readonly [Socket, Socket]>();
  let frozen = false;

  const letIn = (outside: Socket) => {
    const inside = connect(portBehind(), '127.0.0.1');
    const pair = [outside, inside] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
    outside.pipe(inside).pipe(outside);
    if (frozen) for (const socket of pair) stop(socket);
  };
  const stop = (socket: Socket) => {
    socket.unpipe();
    socket.pause();
  };
  const server = createServer(letIn);
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  await listen(0);
  const { port } = server.address() as { port: number };

  /** Throws out whoever is in. */
  const cut = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };

  return {
    port,
    cut,
    /** How many are in. */
    connections: (): number => pairs.size,
    freeze: (): void => {
      frozen = true;
      for (const pair of pairs) pair.forEach(stop);
    },
    thaw: (): void => {
      frozen = false;
      for (const [outside, inside] of pairs) outside.pipe(inside).pipe(outside);
    },
    shut: async (): Promise<void> => {
      cut();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
    open: async (): Promise<void> => {
      if (!server.listening) await listen(port);
    },
  };
};
