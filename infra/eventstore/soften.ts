import type { EventStoreDBClient } from '@eventstore/db-client';

type Duplex = { write(chunk: unknown): boolean };
type Creator = (kind: unknown, name: string, create: (of: unknown) => Duplex, cache?: object) => unknown;

/** What of the client is not for its users, and is needed: see `soften`. */
type Inside = {
  createChannel(): Promise<{ close(): void }>;
  GRPCStreamCreator: Creator;
};

/**
 * Makes up for two things that the client lacks. It never closes its connection: that is returned, to be closed. And
 * where more appends wait than its call takes at once, it makes each wait in a promise that nobody looks at: when the
 * call breaks then, they reject, and the process ends with an unhandled rejection. So its call takes all that we give
 * it; we give it no more than `appendsInFlightMax`.
 */
export const soften = (client: EventStoreDBClient): Set<{ close(): void }> => {
  const inside = client as unknown as Inside;
  const channels = new Set<{ close(): void }>();
  const { createChannel, GRPCStreamCreator: creator } = inside;
  inside.createChannel = async () => {
    const channel = await createChannel();
    // The one before has failed, and was closed.
    channels.clear();
    channels.add(channel);
    return channel;
  };
  inside.GRPCStreamCreator = (kind, name, create, cache) => {
    if (name !== 'appendToStream') return creator(kind, name, create, cache);
    const taking = (of: unknown) => {
      const call = create(of);
      const write = call.write.bind(call);
      call.write = (chunk) => {
        write(chunk);
        return true;
      };
      return call;
    };
    return creator(kind, name, taking, cache);
  };
  return channels;
};
