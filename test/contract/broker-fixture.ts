import { randomUUID } from 'node:crypto';
import type { CommandId, EventId, OrderId } from '@recourse/contracts/ids';
import type { Topic } from '@recourse/contracts/registry';
import { orderStream } from '@recourse/contracts/streams';
import { eventId, uuidV5 } from '@recourse/infra/event-id';
import type { Broker, ConsumerGroup, Message } from '@recourse/infra/ports/broker';
import type { EventLog, NewEvent } from '@recourse/infra/ports/event-log';

/** What the suite asks of a broker when it opens it. */
export type BrokerSettings = {
  readonly quickRetries: number;
  readonly retryDelaysMs: readonly number[];
  /** The most messages that one group has in hand. */
  readonly inHandMax: number;
};

/** One place that keeps what its brokers keep: opening again goes on where the last one ended. */
export type BrokerHarness = {
  /** Where the suite publishes: an event that is appended is a message. */
  readonly log: EventLog;
  open(settings: BrokerSettings): Promise<Broker>;
  /** Removes everything; what is still open may be closed. */
  end(): Promise<void>;
};

/** Settings that fail fast. */
export const settings: BrokerSettings = { quickRetries: 1, retryDelaysMs: [30, 60], inHandMax: 200 };

/** A new order. */
export const newKey = (): OrderId => randomUUID() as OrderId;

/** Waits for a condition; fails with what `tell` says when it does not come. */
export const until = async (
  condition: () => boolean | Promise<boolean>,
  tell = () => 'it',
  withinMs = 45_000,
): Promise<void> => {
  const end = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited in vain for ${tell()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

/** Long enough for something to happen that must not; never the only assertion of a test. */
export const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 120));

/** What a message of the suite says: its number, as the sender counted. */
export const numberOf = (message: Message): number => {
  if (message.type === 'PaymentProcessed') return Number(message.data.chargeId);
  if (message.type === 'OrderShipped') return Number(message.data.shipmentId);
  if (message.type === 'PaymentFailed') return Number(message.data.reason);
  throw new Error(`the suite does not send ${message.type}`);
};

const event = {
  'payment.events': (commandId: CommandId, number: number) => ({
    type: 'PaymentProcessed' as const,
    data: { commandId, chargeId: String(number), amount: 100, currency: 'GBP' },
  }),
  'shipping.events': (commandId: CommandId, number: number) => ({
    type: 'OrderShipped' as const,
    data: { commandId, shipmentId: String(number) },
  }),
};

/** The topics that the suite numbers its messages on. */
export type NumberedTopic = keyof typeof event;

/** Appends numbered events to the streams of orders. */
export const publisher = (log: EventLog) => {
  const revisions = new Map<string, number>();
  /** Appends one event for each number; resolves when they are in the log. */
  const publish = async (key: OrderId, topic: NumberedTopic, ...numbers: number[]): Promise<void> => {
    const stream = orderStream(topic === 'payment.events' ? 'payment' : 'shipping', key);
    const commandId = uuidV5(key, topic) as CommandId;
    const events: NewEvent[] = numbers.map((number) => {
      const made = event[topic](commandId, number);
      return {
        ...made,
        id: eventId(commandId, number, made.type, made.data),
        correlation: key,
        causation: commandId,
      };
    });
    const { revision } = await log.append(stream, revisions.get(stream) ?? -1, events);
    revisions.set(stream, revision);
  };
  return publish;
};

/** A SagaAdvanced that issues a payment command, as the first event of an order's saga. */
export const sagaAdvanced = (key: OrderId): NewEvent<'SagaAdvanced'> => {
  const input = uuidV5(key, 'input') as EventId;
  return {
    type: 'SagaAdvanced',
    id: uuidV5(key, 'advanced') as EventId,
    correlation: key,
    causation: input,
    data: {
      input: { id: input, type: 'OrderCreated', category: 'order', revision: 0 },
      machine: { name: 'order-saga', version: 1 },
      state: { value: 'paying', status: 'active', context: { sequence: {} } },
      commands: [
        {
          id: uuidV5(key, 'pay') as CommandId,
          type: 'ProcessPayment',
          data: { amount: 5, currency: 'GBP', paymentToken: 't' },
        },
        { id: uuidV5(key, 'ship') as CommandId, type: 'ShipOrder', data: { country: 'France' } },
      ],
      timers: { set: [], cancelled: [] },
    },
  };
};

/** A group that keeps what it sees, and whose handling a test can replace. */
export const witness = (
  group: string,
  topics: readonly Topic[],
  handle: (message: Message) => void | Promise<void> = () => {},
) => {
  const seen: Message[] = [];
  const handled: Message[] = [];
  const consumer: ConsumerGroup = {
    group,
    topics,
    handle: async (message) => {
      seen.push(message);
      await handle(message);
      handled.push(message);
    },
  };
  return {
    consumer,
    /** Every message that was handed over, repeats included. */
    seen,
    /** Every message whose handling succeeded. */
    handled,
    /** The numbers of one key that were handled, on one topic or on all. */
    numbers: (key: OrderId, topic?: Topic): number[] =>
      handled.filter((it) => it.key === key && (topic === undefined || it.topic === topic)).map(numberOf),
  };
};
