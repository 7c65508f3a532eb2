import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { sleep } from '../../ports/clock.ts';
import { systemClock } from '../../system.ts';

/** What the broker does with a request for metadata: `answer` is all of it, as it goes over the wire. */
export type OnMetadata = (answer: Buffer, socket: Socket) => void | Promise<void>;

/** Which requests it knows: their keys in Kafka's protocol, each in version 0 (of `ApiVersions`, up to 2). */
const metadata = 3;
const apiVersions = 18;

const int16 = (value: number) => {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
};
const int32 = (value: number) => {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
};
const string = (text: string) => Buffer.concat([int16(text.length), Buffer.from(text)]);
const array = (items: readonly Buffer[]) => Buffer.concat([int32(items.length), ...items]);

/**
 * One broker on loopback that tells which topics it has, and nothing else: for what a real one cannot be made to do, such
 * as half an answer. `onMetadata` sends what it likes of each answer.
 */
export const openSmallBroker = async (
  partitions: Readonly<Record<string, number>>,
  onMetadata: OnMetadata,
) => {
  const sockets = new Set<Socket>();
  /** Hears who hangs up, and can answer still. */
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    let read = Buffer.alloc(0);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    socket.on('data', (data: Buffer) => {
      read = Buffer.concat([read, data]);
      while (read.length >= 4 && read.length >= 4 + read.readInt32BE(0)) {
        const request = read.subarray(4, 4 + read.readInt32BE(0));
        read = read.subarray(4 + request.length);
        const answer = answerOf(request);
        if (request.readInt16BE(0) === metadata) void onMetadata(answer, socket);
        else socket.write(answer);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const answerOf = (request: Buffer): Buffer => {
    const body = request.readInt16BE(0) === metadata ? ourTopics() : ourVersions(request.readInt16BE(2));
    return Buffer.concat([int32(4 + body.length), request.subarray(4, 8), body]);
  };
  const ourVersions = (asked: number) =>
    Buffer.concat([
      int16(0),
      array([metadata, apiVersions].map((key) => Buffer.concat([int16(key), int16(0), int16(0)]))),
      ...(asked > 0 ? [int32(0)] : []),
    ]);
  const ourTopics = () =>
    Buffer.concat([
      array([Buffer.concat([int32(1), string('127.0.0.1'), int32(port)])]),
      array(
        Object.entries(partitions).map(([name, count]) =>
          Buffer.concat([int16(0), string(name), array(Array.from({ length: count }, (_, it) => led(it)))]),
        ),
      ),
    ]);
  /** A partition that this broker leads, and nobody else has. */
  const led = (partition: number) =>
    Buffer.concat([int16(0), int32(partition), int32(1), array([int32(1)]), array([int32(1)])]);

  return {
    address: `127.0.0.1:${port}`,
    /** Over how many connections somebody can still ask. */
    connections: (): number => [...sockets].filter((socket) => !socket.readableEnded).length,
    close: async (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};

/** Long enough for what was sent on loopback to be read there. */
export const readThere = (): Promise<void> => sleep(systemClock, 50);
