import { type AnswerType, answersOf } from './answers.ts';
import { type JsonSchema, schemaRef } from './asyncapi-schemas.ts';
import type { CommandName } from './commands.ts';
import { Participant } from './events.ts';
import { answerExamples, commandExamples, exampleCommand, exampleOrder } from './examples.ts';
import { type Registered, registered, registry, type Topic } from './registry.ts';

/** The messages of the topics, as AsyncAPI describes them: CloudEvents in binary mode, the attributes as headers. */

type MessageObject = { readonly [field: string]: unknown };

/** The name of a message in the document; an answer on a topic of replies is another than the event. */
type MessageName = string;
const answerName = (type: AnswerType): MessageName => `${type}Answer`;

/** The messages that a topic carries, by name. */
export const messagesOn = (topic: Topic): readonly MessageName[] => {
  const participant = repliesOf(topic);
  if (participant !== undefined) return answersOf(participant).map(([, type]) => answerName(type));
  return [...registry].filter(([, entry]) => entry.topic === topic).map(([type]) => type);
};

/** Whose replies a topic carries, if it carries any. */
export const repliesOf = (topic: Topic): Participant | undefined =>
  Participant.options.find((it) => topic === `${it}.replies`);

/** Every message: those of Recourse, and the answers of programs that are not. */
export const messageObjects = (): Record<MessageName, MessageObject> => ({
  ...Object.fromEntries(
    [...registry]
      .filter(([, { topic }]) => topic !== null)
      .map(([type, entry]): [string, MessageObject] => [type, ownMessage(type, entry)]),
  ),
  ...Object.fromEntries(
    Participant.options
      .flatMap((it) => answersOf(it))
      .map(([command, type]): [string, MessageObject] => [answerName(type), answerMessage(command, type)]),
  ),
});

const traits = [{ $ref: '#/components/messageTraits/CloudEvent' }];

const dataschemaOf = (type: string): string => `urn:recourse:${type}:${registered(type).version}`;

const ownMessage = (type: string, { kind }: Registered): MessageObject => ({
  name: type,
  title: kind === 'command' ? `${type} (command)` : type,
  ...(kind === 'command' && {
    description:
      'Its `ce_id` is the id of the command: the key of whatever it causes, and what its answer names.',
  }),
  traits,
  headers: headersOf('Headers', type),
  payload: schemaRef(type),
  ...(type in commandExamples && { examples: [commandExample(type as CommandName)] }),
});

const answerMessage = (command: CommandName, type: AnswerType): MessageObject => ({
  name: type,
  title: `${type}, as an answer to ${command}`,
  description: `Its \`commandId\` is the \`ce_id\` of the ${command} that it answers.`,
  traits,
  headers: headersOf('ReplyHeaders', type),
  payload: schemaRef(answerName(type)),
  examples: [
    {
      name: type,
      headers: {
        ce_specversion: '1.0',
        ce_id: `${exampleCommand}:answer`,
        ce_type: type,
        ce_source: '/shops/example',
        ce_subject: exampleOrder,
        ce_dataschema: dataschemaOf(type),
        'content-type': 'application/json',
      },
      payload: answerExamples[type],
    },
  ],
});

const commandExample = (type: CommandName) => ({
  name: type,
  headers: {
    ce_specversion: '1.0',
    ce_id: exampleCommand,
    ce_type: type,
    ce_source: `/streams/saga-${exampleOrder}`,
    ce_subject: exampleOrder,
    ce_time: '2026-01-31T12:00:00.000Z',
    ce_dataschema: dataschemaOf(type),
    ce_sequence: '3',
    ce_correlationid: exampleOrder,
    ce_causationid: '5c0a1d7e-8f52-5b0e-8a3d-4e6f8a0b2c4d',
    ce_position: '1234',
    traceparent: '00-0192f0a0000070008000000000000001-b3a2f6c15f0e5d3a-01',
    'content-type': 'application/json',
  },
  payload: commandExamples[type],
});

const headersOf = (common: 'Headers' | 'ReplyHeaders', type: string): JsonSchema => ({
  allOf: [
    schemaRef(common),
    {
      type: 'object',
      properties: { ce_type: { const: type }, ce_dataschema: { const: dataschemaOf(type) } },
    },
  ],
});

const text = (description: string, more: JsonSchema = {}): JsonSchema => ({
  type: 'string',
  description,
  ...more,
});

const required = ['ce_specversion', 'ce_id', 'ce_type', 'ce_source', 'ce_dataschema', 'content-type'];

const attributes = {
  ce_specversion: { const: '1.0' },
  ce_type: text('The wire name of the message.'),
  ce_dataschema: text('`urn:recourse:<type>:<version of its schema>`.'),
  ce_subject: schemaRef('OrderId'),
  ce_time: text('RFC 3339.', { format: 'date-time' }),
  'content-type': text('JSON.', { pattern: '^application/json' }),
};

/** The headers that messages have in common: of Recourse's own, and of answers. */
export const headerSchemas: Readonly<Record<'Headers' | 'ReplyHeaders', JsonSchema>> = {
  Headers: {
    type: 'object',
    description: 'CloudEvents 1.0 in binary mode on Kafka, with extensions.',
    required: [
      ...required,
      ...['ce_subject', 'ce_time', 'ce_sequence', 'ce_correlationid', 'ce_causationid', 'ce_position'],
      'traceparent',
    ],
    properties: {
      ...attributes,
      ce_id: text('Of the event or the command; a repeat has the same.', { format: 'uuid' }),
      ce_source: text('`/streams/<stream>`, percent-encoded: where it is recorded.'),
      ce_sequence: text('Its revision in that stream; of a command, that of the record which issued it.', {
        pattern: '^\\d+$',
      }),
      ce_correlationid: text('What it belongs to: the order.'),
      ce_causationid: text('The id of what caused it.'),
      ce_position: text('The place of its record in the log; not for comparing across installations.', {
        pattern: '^\\d+$',
      }),
      traceparent: text('W3C trace context; the order is the trace.'),
    },
  },
  ReplyHeaders: {
    type: 'object',
    description: 'What an answer says besides its data. Other headers may stand beside them.',
    required,
    properties: {
      ...attributes,
      ce_id: text('Any text; best one that follows from the command, so that a repeat has the same.'),
      ce_source: text('Who answers: a URI reference.'),
    },
  },
};
