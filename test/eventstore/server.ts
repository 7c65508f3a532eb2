import gossipService from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import featuresService from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamsService from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { DeleteReq, TombstoneReq } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { type AppendFault, appendHandlers } from './appends.ts';
import { door } from './door.ts';
import { callError, nameOf, supportedMethods } from './messages.ts';
import { readHandlers } from './reads.ts';
import { memoryStore } from './store.ts';

/** How a server is started. */
export type EventStoreOptions = {
  /** Milliseconds since 1970, by its clock. */
  readonly now?: () => number;
  readonly appendBytesMax?: number;
  /** After how many appends an event of the system's own follows. */
  readonly systemEvery?: number;
  /** Whether it takes appends in batches, as servers do from 21.10 on. */
  readonly batches?: boolean;
  readonly raceMs?: number;
};

const mebibyte = 1024 * 1024;

/**
 * A server that speaks the part of EventStoreDB's protocol that an event log uses, on a port of its own on loopback,
 * with what a real one was seen to do; everything can go wrong with it. Not for many events: it searches by looking.
 */
export const startEventStore = async (options: EventStoreOptions = {}) => {
  const { now = Date.now, appendBytesMax = mebibyte, systemEvery = 3, batches = true, raceMs = 50 } = options;
  const fresh = () => memoryStore({ now, appendBytesMax, systemEvery });
  let store = fresh();
  let server: Server | undefined;
  let portBehind = 0;
  /** What goes wrong; free to be set by tests. */
  const faults = {
    append: (_stream: string): AppendFault | undefined => undefined,
    commitMs: 0,
    /** A read, or a subscription, that is never answered. */
    silentReads: false,
    /** A read, or a subscription, is refused with this exception. */
    refusedReads: undefined as string | undefined,
    /** Events from this position on cannot be read yet: they are not synced. */
    hiddenFrom: Number.MAX_SAFE_INTEGER,
  };
  const reads = readHandlers(
    () => store,
    ({ position }) => position < faults.hiddenFrom,
  );
  const appends = appendHandlers({
    store: () => store,
    fault: (stream) => faults.append(stream),
    commitMs: () => faults.commitMs,
    raceMs,
    onStored: reads.tellAll,
  });

  const read: typeof reads.read = (call) => {
    if (faults.silentReads) return undefined as never;
    if (faults.refusedReads === undefined) return reads.read(call);
    return call.emit('error', callError(status.PERMISSION_DENIED, faults.refusedReads));
  };

  type Removal = ServerUnaryCall<DeleteReq | TombstoneReq, never>;
  const removing =
    (forEver: boolean) =>
    ({ request }: Removal, callback: sendUnaryData<never>) => {
      const name = nameOf(request.getOptions()!.getStreamIdentifier());
      const outcome = store.remove(name, forEver);
      if (outcome.kind !== 'stored')
        return callback(callError(status.FAILED_PRECONDITION, 'stream-deleted', { 'stream-name': name }));
      const position = new (forEver ? streams.TombstoneResp : streams.DeleteResp).Position();
      position.setCommitPosition(String(outcome.position));
      position.setPreparePosition(String(outcome.position));
      const response = new (forEver ? streams.TombstoneResp : streams.DeleteResp)();
      response.setPosition(position);
      return callback(null, response as never);
    };

  const start = async () => {
    server = new Server({ 'grpc.max_receive_message_length': 4 * mebibyte });
    server.addService(streamsService.StreamsService as never, {
      read,
      append: appends.append,
      batchAppend: appends.batchAppend,
      delete: removing(false),
      tombstone: removing(true),
    });
    server.addService(featuresService.ServerFeaturesService as never, {
      getSupportedMethods: (_call: unknown, callback: sendUnaryData<unknown>) =>
        callback(null, supportedMethods(batches ? ['append', 'batchappend', 'read'] : ['append', 'read'])),
    });
    server.addService(gossipService.GossipService as never, {
      read: (_call: unknown, callback: sendUnaryData<unknown>) => {
        const member = new gossip.MemberInfo();
        const id = new shared.UUID();
        id.setString(crypto.randomUUID());
        member.setInstanceId(id);
        member.setIsAlive(true);
        member.setState(gossip.MemberInfo.VNodeState.LEADER);
        const endpoint = new gossip.EndPoint();
        endpoint.setAddress('127.0.0.1');
        endpoint.setPort(front.port);
        member.setHttpEndPoint(endpoint);
        const cluster = new gossip.ClusterInfo();
        cluster.addMembers(member);
        callback(null, cluster);
      },
    });
    const running = server;
    portBehind = await new Promise<number>((resolve, reject) => {
      running.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  };
  const front = await door(() => portBehind);
  await start();

  const goAway = async () => {
    await front.shut();
    server?.forceShutdown();
    reads.silenceAll();
  };

  return {
    /** As EVENTSTORE_URL names a real one. */
    url: `esdb://127.0.0.1:${front.port}?tls=false`,
    port: front.port,
    faults,
    store: () => store,
    subscriptions: reads.subscriptions,
    breakSubscriptions: reads.breakAll,
    silenceSubscriptions: reads.silenceAll,
    breakAppends: appends.breakAll,
    letGo: appends.letGo,
    connections: front.connections,
    freeze: front.freeze,
    thaw: front.thaw,
    /** Breaks every connection. */
    cut: front.cut,
    /** Nobody listens on its port any more. */
    goAway,
    /** Listens again after `goAway`; it has kept what it had stored, or nothing. */
    comeBack: async ({ keeps = true } = {}): Promise<void> => {
      if (keeps) store.forgetIds();
      else store = fresh();
      await start();
      await front.open();
    },
    stop: goAway,
  };
};

/** A server, as `startEventStore` makes it. */
export type FakeEventStore = Awaited<ReturnType<typeof startEventStore>>;
