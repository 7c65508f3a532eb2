import { type Connection, type ConnectionOptions, connect } from './connection.ts';

const shared = new Map<string, { readonly connection: Connection; users: number }>();

/**
 * The connection to a server, which all logs of the process share: an error of one client's call would reject the appends
 * of every other client in the process, and answers to those would end it. Throws a `StartError` where the URL is none.
 */
export const connectionTo = (options: ConnectionOptions): Connection => {
  const known = shared.get(options.url) ?? { connection: connect(options), users: 0 };
  known.users += 1;
  shared.set(options.url, known);
  let open = true;
  return {
    ...known.connection,
    close: async () => {
      if (!open) return;
      open = false;
      known.users -= 1;
      if (known.users > 0) return;
      shared.delete(options.url);
      await known.connection.close();
    },
  };
};
