import { toCloudEvent } from '@recourse/contracts/envelope';
import { EventId, OrderId, uuidPattern } from '@recourse/contracts/ids';
import { type Registered, type ReplyTopic, registry, type Topic } from '@recourse/contracts/registry';
import { upcast } from '@recourse/contracts/upcasters';
import { z } from 'zod';
import { UnknownVersionError } from '../errors.ts';
import type { Message, ReplyMessage } from '../ports/broker.ts';

/**
 * Messages as Kafka carries them: CloudEvents 1.0 in binary mode (https://github.com/cloudevents/spec, Kafka protocol
 * binding v1.0.2). The key is the order, the value the data as JSON, and the attributes are headers. `ce_position` is
 * an extension of ours: the record's place in the log.
 */
export type WireMessage = {
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** A message as it comes from Kafka, as far as it is read here. */
export type RawMessage = {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Milliseconds since 1970, in decimal digits. */
  readonly timestamp: string;
  readonly headers?: Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>> | undefined;
};

/** A message that cannot be read, so that nobody can say whose it is; and why. */
export type Poison = { readonly kind: 'poison'; readonly reason: string };

const json = 'application/json';
const sourceStart = '/streams/';

/** An event or a command as it goes to Kafka. Throws `TypeError` on an answer, which is never ours to send. */
export const encode = (message: Message): WireMessage => {
  if (message.kind === 'reply') throw new TypeError('an answer is sent by who gives it');
  const event = toCloudEvent(message);
  return {
    key: message.key,
    value: JSON.stringify(message.data),
    headers: {
      ce_specversion: event.specversion,
      ce_id: event.id,
      ce_type: event.type,
      ce_source: event.source,
      ce_subject: event.subject,
      ce_time: event.time,
      ce_dataschema: event.dataschema,
      ce_sequence: event.sequence,
      ce_correlationid: event.correlationid,
      ce_causationid: event.causationid,
      ce_position: String(message.position),
      traceparent: event.traceparent,
      'content-type': json,
    },
  };
};

/**
 * The message that came on a topic (its name without any prefix), in the present version of its schema, validated.
 *
 * On a topic of ours what cannot be read is poison, and a version or type that this build does not know throws
 * `UnknownVersionError`. On `<participant>.replies` only the order must be known: what else an answer says is handed
 * over as it came.
 */
export const decode = (topic: Topic, raw: RawMessage): Message | Poison =>
  isReplyTopic(topic) ? reply(topic, raw) : ours(topic, raw);

const isReplyTopic = (topic: Topic): topic is ReplyTopic => topic.endsWith('.replies');

const wholeNumber = z
  .string()
  .regex(/^\d{1,16}$/)
  .transform(Number)
  .refine(Number.isSafeInteger);

const dataschema = /^urn:recourse:([A-Za-z]{1,100}):([1-9]\d{0,8})$/;

/** The headers of a message of ours. Others may stand beside them. */
const Headers = z.object({
  ce_specversion: z.literal('1.0'),
  ce_id: EventId,
  ce_type: z.string().min(1),
  ce_source: z.string().startsWith(sourceStart),
  ce_subject: OrderId,
  ce_time: z.iso.datetime().transform((text) => Date.parse(text)),
  ce_dataschema: z.string().regex(dataschema),
  ce_sequence: wholeNumber,
  ce_correlationid: z.string().min(1),
  ce_causationid: z.string().min(1),
  ce_position: wholeNumber,
  'content-type': z.string().startsWith(json),
});

const poison = (reason: string): Poison => ({ kind: 'poison', reason });

/** What the headers of a message of ours say; `version` is that of its data, as it is written. */
type Said = Pick<
  Message,
  'version' | 'stream' | 'revision' | 'position' | 'time' | 'correlation' | 'causation'
> & {
  readonly entry: Registered;
  readonly type: string;
  readonly id: string;
  readonly key: string;
};

const ours = (topic: Topic, raw: RawMessage): Message | Poison => {
  const said = usual(raw) ?? any(topic, raw);
  if ('reason' in said) return said;
  const { entry, type, version } = said;
  if (entry.topic !== topic) return poison(`${type} does not belong to this topic`);
  const parsed = jsonOf(raw.value);
  if ('reason' in parsed) return parsed;
  const data = dataOf(type, version, parsed.value, entry.schema);
  if ('reason' in data) return data;
  return {
    kind: entry.kind,
    type,
    id: said.id,
    data: data.value,
    topic,
    key: said.key,
    version: entry.version,
    stream: said.stream,
    revision: said.revision,
    position: said.position,
    time: said.time,
    correlation: said.correlation,
    causation: said.causation,
  } as unknown as Message;
};

/**
 * What the headers say where all are exactly as `encode` writes them, as nearly all are: reading them by their schema
 * takes longer than everything else together. Undefined where one is not: then the schema says what is wrong, if anything.
 */
const usual = ({ headers, key }: RawMessage): Said | undefined => {
  if (headers === undefined || key === null) return undefined;
  const text = (name: string) => {
    const value = headers[name];
    return Buffer.isBuffer(value) ? value.toString() : '';
  };
  const type = text('ce_type');
  const entry = registry.get(type);
  const id = text('ce_id');
  const order = text('ce_subject');
  const source = text('ce_source');
  const time = timeOf(text('ce_time'));
  const sequence = text('ce_sequence');
  const position = text('ce_position');
  const correlation = text('ce_correlationid');
  const causation = text('ce_causationid');
  const isUsual =
    entry !== undefined &&
    text('ce_dataschema') === `urn:recourse:${type}:${entry.version}` &&
    text('ce_specversion') === '1.0' &&
    text('content-type') === json &&
    uuidPattern.test(id) &&
    uuidPattern.test(order) &&
    key.toString() === order &&
    plainSource.test(source) &&
    time !== undefined &&
    digits.test(sequence) &&
    digits.test(position) &&
    correlation !== '' &&
    causation !== '';
  if (!isUsual) return undefined;
  return {
    entry,
    type,
    id,
    key: order,
    version: entry.version,
    stream: source.slice(sourceStart.length),
    revision: Number(sequence),
    position: Number(position),
    time,
    correlation,
    causation,
  };
};

const plainSource = /^\/streams\/[\w-]+$/;
/** So few that the number is a safe integer. */
const digits = /^\d{1,15}$/;

const timeOf = (text: string): number | undefined => {
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString() === text ? time : undefined;
};

/** What the headers say, by their schema. */
const any = (topic: Topic, raw: RawMessage): Said | Poison => {
  const read = Headers.safeParse(textsOf(raw.headers));
  if (!read.success) return poison(`header ${wordsOf(read.error)}`);
  const headers = read.data;
  const { ce_type: type, ce_subject: key } = headers;
  if (raw.key?.toString() !== key) return poison('the key is not the order that ce_subject names');
  const [, named, number] = dataschema.exec(headers.ce_dataschema)!;
  if (named !== type) return poison('ce_dataschema is not of ce_type');
  const stream = streamOf(headers.ce_source);
  if (stream === undefined) return poison('ce_source names no stream');

  const version = Number(number);
  const entry = registry.get(type);
  if (entry === undefined || version > entry.version) {
    throw new UnknownVersionError(
      `${topic} holds ${type} version ${version} (${headers.ce_id}, position ${headers.ce_position}), which this ` +
        'version of Recourse does not know: run the one that wrote it',
    );
  }
  return {
    entry,
    type,
    id: headers.ce_id,
    key,
    version,
    stream,
    revision: headers.ce_sequence,
    position: headers.ce_position,
    time: headers.ce_time,
    correlation: headers.ce_correlationid,
    causation: headers.ce_causationid,
  };
};

const reply = (topic: ReplyTopic, raw: RawMessage): ReplyMessage | Poison => {
  const headers = textsOf(raw.headers);
  const text = (name: string) => headers[name] ?? '';
  const key = [raw.key?.toString(), headers.ce_subject].find(isOrderId);
  if (key === undefined) return poison('neither the key nor ce_subject is the id of an order');
  const version = Number(/:(\d{1,9})$/.exec(text('ce_dataschema'))?.[1] ?? 0);
  const parsed = jsonOf(raw.value);
  // What is no JSON is handed over as text: no schema takes that.
  const data = 'reason' in parsed ? (raw.value?.toString() ?? null) : parsed.value;
  return {
    kind: 'reply',
    type: 'Reply',
    id: text('ce_id'),
    data: { type: text('ce_type'), version, data },
    topic,
    key,
    version,
    stream: text('ce_source'),
    revision: 0,
    position: 0,
    time: Number(raw.timestamp),
    correlation: key,
    causation: text('ce_causationid'),
  };
};

const isOrderId = (text: string | undefined): text is OrderId => OrderId.safeParse(text).success;

/** Headers as text; of one that stands twice, the last. */
const textsOf = (headers: RawMessage['headers']): Record<string, string | undefined> => {
  const texts: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(headers ?? {})) {
    texts[name.toLowerCase()] = (Array.isArray(value) ? value.at(-1) : value)?.toString();
  }
  return texts;
};

const streamOf = (source: string): string | undefined => {
  try {
    return decodeURIComponent(source.slice(sourceStart.length)) || undefined;
  } catch {
    return undefined;
  }
};

const jsonOf = (value: Buffer | null): { readonly value: unknown } | Poison => {
  if (value === null) return poison('it has no data');
  try {
    return { value: JSON.parse(value.toString()) as unknown };
  } catch {
    return poison('its data is no JSON');
  }
};

const dataOf = (
  type: string,
  version: number,
  written: unknown,
  schema: z.ZodType,
): { readonly value: unknown } | Poison => {
  let present: unknown;
  try {
    present = upcast(type, version, written);
  } catch {
    return poison(`its data is no ${type} of version ${version}`);
  }
  const read = schema.safeParse(present);
  return read.success ? { value: read.data } : poison(`its data is no ${type}: ${wordsOf(read.error)}`);
};

/** Where a value fails its schema, and why; never the value. */
const wordsOf = ({ issues }: z.ZodError): string => {
  const [first] = issues;
  return first === undefined ? 'is not valid' : `${first.path.join('.')}: ${first.message}`.slice(0, 300);
};
