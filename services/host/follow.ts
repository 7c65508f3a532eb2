import { types } from 'node:util';
import { CloudEvent } from '@recourse/contracts/envelope';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import { createParser } from 'eventsource-parser';
import { type Client, UnreachableError } from './client.ts';

const reconnectMs = 500;

/** How a saga is followed. */
export type FollowOptions = {
  readonly clock: Clock;
  /** Gives up after so long without a server. */
  readonly goneMsMax: number;
  readonly signal?: AbortSignal;
  /** Told of each time the connection broke; it is tried again. */
  readonly onBroken?: () => void;
};

/**
 * All events of one order, from its first to the one that ends its saga, each as soon as the server has it. A broken
 * connection is taken up again where it broke (`Last-Event-ID`). Throws `RefusedError` where the server refuses (an
 * unknown id, for one), and `UnreachableError` once no server has answered for `goneMsMax`.
 */
export async function* followSaga(
  client: Client,
  orderId: string,
  { clock, goneMsMax, signal, onBroken }: FollowOptions,
): AsyncGenerator<CloudEvent> {
  let lastEventId: string | undefined;
  let heardAt: number | undefined;
  while (!aborted(signal)) {
    try {
      const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
      const chunks = await client.stream(`/sagas/${encodeURIComponent(orderId)}/stream`, headers, signal);
      if (chunks === undefined) return;
      for await (const { id, event } of messages(chunks)) {
        heardAt = clock.monotonic();
        if (id !== undefined) lastEventId = id;
        if (event === undefined) continue;
        yield event;
        if (endsSaga(event)) return;
      }
    } catch (error) {
      if (aborted(signal)) return;
      const firstTry = heardAt === undefined;
      if (error instanceof UnreachableError && (firstTry || clock.monotonic() - (heardAt ?? 0) > goneMsMax))
        throw error;
      if (!(error instanceof UnreachableError) && !isBroken(error)) throw error;
    }
    heardAt ??= clock.monotonic();
    onBroken?.();
    await sleep(clock, reconnectMs, signal);
  }
}

/** What undici throws when the other side goes away in the middle of a body. */
const isBroken = (error: unknown): boolean =>
  types.isNativeError(error) &&
  'code' in error &&
  ['UND_ERR_SOCKET', 'ECONNRESET', 'UND_ERR_ABORTED'].includes(String(error.code));

/** Whether that event is the saga's last step. */
export const endsSaga = ({ type, data }: CloudEvent): boolean =>
  type === 'SagaAdvanced' && (data as { state?: { status?: unknown } }).state?.status === 'done';

type Received = { readonly id: string | undefined; readonly event: CloudEvent | undefined };

/** The messages of a stream of server-sent events; those that carry no event of ours have only their id. */
async function* messages(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Received> {
  const received: Received[] = [];
  const parser = createParser({
    onEvent: ({ id, data }) => received.push({ id, event: eventOf(data) }),
    // A comment, which servers send to keep the connection open, says at least that the server is there.
    onComment: () => received.push({ id: undefined, event: undefined }),
  });
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* received.splice(0);
  }
}

const eventOf = (data: string): CloudEvent | undefined => {
  try {
    return CloudEvent.safeParse(JSON.parse(data)).data;
  } catch {
    return undefined;
  }
};

/** Asked anew each time: it changes while one waits. */
const aborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true;
