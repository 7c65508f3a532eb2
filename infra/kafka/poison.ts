import type { Topic } from '@recourse/contracts/registry';
import { type KafkaMessage, type Message as Outgoing, Partitioners, type Producer } from 'kafkajs';
import type { Logger } from 'pino';
import { UnavailableError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { PoisonMessage, PoisonMessages } from '../ports/poison.ts';
import type { Postgres } from '../postgres/connect.ts';
import { type FoundPoison, postgresPoison } from '../postgres/poison.ts';
import { type KafkaSettings, kafkaClient, metadataMsMax, retrySettings } from './client.ts';

/** The topic that keeps what could not be read of a topic. */
export const poisonTopic = (topic: Topic): string => `${topic}.dlq`;

const tooLarge = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

type PoisonKeeping = {
  readonly kafka: KafkaSettings;
  readonly prefix: string;
  readonly postgres: Postgres;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Keeps messages that nobody can read: listed in PostgreSQL, and whole on `<topic>.dlq`. */
export const poisonKeeping = ({ kafka, prefix, postgres, clock, logger }: PoisonKeeping) => {
  const sender = oneSender(kafka, logger);
  const publish = ({ topic, partition, key, value, headers }: PoisonMessage) =>
    sender.send(prefix + topic, { partition, ...bytesOf(key, value), headers: headersOf(headers) });
  const { port, keep, sent } = postgresPoison(postgres, clock, publish);

  return {
    port: port satisfies PoisonMessages,
    /** Resolves when the message is listed, and stands on its topic for poison. Rejects with `UnavailableError`. */
    keep: async (group: string, topic: Topic, partition: number, message: KafkaMessage, reason: string) => {
      const found: FoundPoison = {
        topic,
        partition,
        offset: Number(message.offset),
        group,
        reason,
        time: Number(message.timestamp),
        key: message.key,
        value: message.value,
        headers: pairsOf(message),
      };
      const told = { group, topic, partition, offset: found.offset, reason };
      if (!(await keep(found))) return;
      try {
        await sender.send(prefix + poisonTopic(topic), {
          ...bytesOf(message.key, message.value),
          headers: { ...headersOf(found.headers), ...why(found) },
        });
      } catch (error) {
        if (!(error instanceof MessageRefusedError)) throw error;
        logger.error(
          { ...told, err: error },
          'poison is too large for its topic: it is kept in the table alone',
        );
      }
      await sent(found);
      logger.error(told, 'message cannot be read: it is kept whole, nobody waits for it');
    },
    close: sender.close,
  };
};

/** Who keeps poison. */
export type PoisonKeeper = ReturnType<typeof poisonKeeping>;

/** A message that Kafka never takes. */
class MessageRefusedError extends Error {
  override readonly name = 'MessageRefusedError';
}

/** One producer, made when it is first needed, and anew after each failure. */
const oneSender = (settings: KafkaSettings, logger: Logger) => {
  const kafka = kafkaClient(settings, logger);
  let producer: Promise<Producer> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const connect = async () => {
    const made = kafka.producer({
      allowAutoTopicCreation: false,
      metadataMaxAge: metadataMsMax,
      createPartitioner: Partitioners.DefaultPartitioner,
      retry: { ...retrySettings, retries: 5 },
    });
    await made.connect();
    return made;
  };
  const sendOne = async (topic: string, message: Outgoing): Promise<void> => {
    producer ??= connect();
    const used = producer;
    try {
      await (await used).send({ topic, acks: -1, messages: [message] });
    } catch (error) {
      producer = undefined;
      void used.then((it) => it.disconnect()).catch(() => {});
      const { message: why, type } = error as { readonly message: string; readonly type?: string };
      if (type !== undefined && tooLarge.has(type)) throw new MessageRefusedError(why, { cause: error });
      throw new UnavailableError(`Kafka: ${why}`, { cause: error });
    }
  };

  return {
    /** Resolves when the brokers have it; one at a time. */
    send: (topic: string, message: Outgoing): Promise<void> => {
      const sending = last.then(() => sendOne(topic, message));
      last = sending.catch(() => {});
      return sending;
    },
    close: async (): Promise<void> => {
      await last;
      await producer?.then((it) => it.disconnect()).catch(() => {});
    },
  };
};

const bytesOf = (key: Uint8Array | null, value: Uint8Array | null) => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
});

/** Every header with its bytes, in order; one that stands twice is there twice. */
const pairsOf = ({ headers }: KafkaMessage): (readonly [string, Uint8Array])[] =>
  Object.entries(headers ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : value === undefined ? [] : [value]).map(
      (it) => [name, Buffer.from(it as string)] as const,
    ),
  );

const headersOf = (pairs: PoisonMessage['headers']): Record<string, Buffer[]> => {
  const headers: Record<string, Buffer[]> = {};
  for (const [name, value] of pairs) headers[name] = [...(headers[name] ?? []), Buffer.from(value)];
  return headers;
};

/** What stands beside the message's own headers. */
const why = ({ group, reason, topic, partition, offset, time }: FoundPoison) => ({
  dlq_group: group,
  dlq_reason: reason,
  dlq_topic: topic,
  dlq_partition: String(partition),
  dlq_offset: String(offset),
  dlq_time: String(time),
});
