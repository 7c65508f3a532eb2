import type { z } from 'zod';
import { answerSchema, answersOf, Foreign } from './answers.ts';
import { headerSchemas, messageObjects, messagesOn, repliesOf } from './asyncapi-messages.ts';
import { namedSchemas } from './asyncapi-schemas.ts';
import { Participant } from './events.ts';
import { OrderId } from './ids.ts';
import { registry, type Topic, topics } from './registry.ts';

/**
 * The document of all messages, AsyncAPI 3.0 (https://www.asyncapi.com/docs/reference/specification/v3.0.0), made of the
 * registry. Operations are Recourse's: it sends what its relay publishes, and receives what its groups consume.
 * `prefix` stands before the name of every topic.
 */
export const asyncApiDocument = ({
  version,
  prefix = '',
}: {
  readonly version: string;
  readonly prefix?: string;
}) => ({
  asyncapi: '3.0.0',
  info: { title: 'Recourse', version, description, license: { name: 'MIT' } },
  defaultContentType: 'application/json',
  channels: {
    ...Object.fromEntries(topics.map((topic) => [idOf(topic), channelOf(topic, prefix)])),
    deadLetters: deadLetters(prefix),
  },
  operations: { ...sends(), ...receives(prefix) },
  components: {
    messages: { ...messageObjects(), Poison: poison },
    messageTraits: { CloudEvent: cloudEvent },
    schemas: { ...headerSchemas, ...namedSchemas(payloads()) },
  },
});

const description = `The messages of an order's way, on Kafka: CloudEvents 1.0 in binary mode, the order's id as key. They come at
least once, and in order for each topic and order. Events are facts and are published for everybody; a command is for the
one participant that it is addressed to. A participant that is somebody else's program obeys \`<participant>.commands\`
and answers on \`<participant>.replies\`; Recourse takes one answer for each command and publishes it as an event.`;

const retentionMs = 30 * 24 * 60 * 60 * 1_000;
const kafkaTopic = (topic: string) => ({
  kafka: {
    topic,
    topicConfiguration: { 'cleanup.policy': ['delete'], 'retention.ms': retentionMs },
    bindingVersion: '0.5.0',
  },
});

/** `shipping.commands` is `shippingCommands` in the document. */
const idOf = (topic: Topic): string => topic.replace(/\.(\w)/, (_, letter: string) => letter.toUpperCase());
const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

const messageRefs = (topic: Topic) =>
  messagesOn(topic).map((name) => ({ $ref: `#/channels/${idOf(topic)}/messages/${name}` }));

const channelOf = (topic: Topic, prefix: string) => ({
  address: `${prefix}${topic}`,
  title: topic,
  description: describe(topic),
  messages: Object.fromEntries(
    messagesOn(topic).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
  ),
  bindings: kafkaTopic(`${prefix}${topic}`),
});

const describe = (topic: Topic): string => {
  if (topic === 'saga.events')
    return 'Every step of every saga: what it heard, where it stands, what it asks for.';
  if (topic === 'saga.inputs') return 'What timers and people say to a saga.';
  const participant = repliesOf(topic);
  if (participant !== undefined)
    return Foreign.safeParse(participant).success
      ? `Where ${participant} answers, if it is somebody else's program. Read only then.`
      : `Nobody answers here: ${participant} is always Recourse's own.`;
  const [who, what] = topic.split('.');
  return what === 'commands'
    ? `Commands to ${who}: obeyed once each, by ${who} or by somebody else's program in its place.`
    : `What happened in ${who}.`;
};

/** What becomes of bytes that cannot be read. */
const deadLetters = (prefix: string) => ({
  address: `${prefix}{topic}.dlq`,
  title: '<topic>.dlq',
  description: 'Messages that cannot be read, whole, so that nothing is lost.',
  parameters: { topic: { enum: topics, description: 'The topic on which it came.' } },
  messages: { Poison: { $ref: '#/components/messages/Poison' } },
});

const poison = {
  name: 'Poison',
  title: 'A message that cannot be read',
  description: 'Its key, value and headers are as they came; headers that tell why and whence are added.',
  headers: {
    type: 'object',
    required: ['dlq_group', 'dlq_reason', 'dlq_topic', 'dlq_partition', 'dlq_offset', 'dlq_time'],
    properties: {
      dlq_group: { type: 'string', description: 'The consumer group that could not read it.' },
      dlq_reason: { type: 'string', description: 'Why it could not be read.' },
      dlq_topic: { type: 'string', description: 'The topic on which it came.' },
      dlq_partition: { type: 'string', pattern: '^\\d+$' },
      dlq_offset: { type: 'string', pattern: '^\\d+$' },
      dlq_time: {
        type: 'string',
        description: 'Milliseconds since 1970, as the message has it.',
        pattern: '^\\d+$',
      },
    },
  },
  payload: {},
};

const cloudEvent = {
  contentType: 'application/json',
  correlationId: { location: '$message.header#/ce_subject', description: 'The order.' },
  bindings: { kafka: { key: { type: 'string', format: 'uuid' }, bindingVersion: '0.5.0' } },
};

/** The relay is the only one who publishes. A command is answered where its participant answers. */
const sends = () =>
  Object.fromEntries(
    topics
      .filter((topic) => repliesOf(topic) === undefined)
      .map((topic) => {
        const asked = Foreign.options.find((it) => topic === `${it}.commands`);
        const operation = {
          action: 'send',
          channel: channelRef(topic),
          summary: `The relay publishes to ${topic}`,
          messages: messageRefs(topic),
          ...(asked !== undefined && { reply: replyOn(`${asked}.replies`) }),
        };
        return [`publish${capital(idOf(topic))}`, operation];
      }),
  );

const channelRef = (topic: Topic) => ({ $ref: `#/channels/${idOf(topic)}` });
const replyOn = (topic: Topic) => ({ channel: channelRef(topic), messages: messageRefs(topic) });

/** Which consumer group hears which topics. */
const groups: readonly (readonly [group: string, topics: readonly Topic[]])[] = [
  ['orchestrator', [...Participant.options.map((it) => `${it}.events` as const), 'saga.inputs']],
  ['timers', ['saga.events']],
  ...Participant.options.map((it) => [it, [`${it}.commands`]] as const),
  ['ingest', Foreign.options.map((it) => `${it}.replies` as const)],
];

const receives = (prefix: string) =>
  Object.fromEntries(
    groups.flatMap(([group, heard]) =>
      heard.map((topic) => {
        const operation = {
          action: 'receive',
          channel: channelRef(topic),
          summary: `The group ${group} consumes ${topic}`,
          messages: messageRefs(topic),
          bindings: { kafka: { groupId: { const: `${prefix}${group}` }, bindingVersion: '0.5.0' } },
        };
        return [`${group}Consumes${capital(idOf(topic))}`, operation];
      }),
    ),
  );

/** The data of every message that is carried, and of every answer. */
const payloads = (): Record<string, z.ZodType> => ({
  OrderId,
  ...Object.fromEntries(
    [...registry].filter(([, { topic }]) => topic !== null).map(([type, { schema }]) => [type, schema]),
  ),
  ...Object.fromEntries(
    Participant.options
      .flatMap((it) => answersOf(it))
      .map(([, type]) => [`${type}Answer`, answerSchema(type)]),
  ),
});
