import { type Registered, registry, type Topic } from '@recourse/contracts/registry';
import { upcast } from '@recourse/contracts/upcasters';
import { UnknownVersionError } from '../errors.ts';
import type { CommandMessage, EventMessage, Message } from '../ports/broker.ts';
import type { RecordedEvent } from '../ports/event-log.ts';

const none: readonly undefined[] = [];

/**
 * The messages of a record that somebody wants, each at its index within the record: the event itself at 0, the
 * commands that a SagaAdvanced issued from 1 on. Indexes do not depend on who wants what: with the position they
 * name a message. A command is upcast here, as a record is where it is read: an order may wait for longer than a
 * schema lives. Throws `UnknownVersionError` on a type or version that this build does not know.
 */
export const messagesOf = (
  record: RecordedEvent,
  wanted: { has(topic: Topic): boolean },
): readonly (Message | undefined)[] => {
  const { topic } = known(record.type, record.version, record);
  if (topic === null) return none;
  const event = wanted.has(topic) ? eventMessage(record, topic) : undefined;
  if (record.type !== 'SagaAdvanced' || record.data.commands.length === 0) {
    return event === undefined ? none : [event];
  }
  const messages: (Message | undefined)[] = [event];
  for (const command of record.data.commands) {
    const entry = known(command.type, command.version ?? 1, record);
    const wantsIt = entry.topic !== null && wanted.has(entry.topic);
    messages.push(wantsIt ? commandMessage(record, command, entry.topic, entry.version) : undefined);
  }
  return messages;
};

const known = (type: string, version: number, record: RecordedEvent): Registered => {
  const entry = registry.get(type);
  if (entry === undefined || version > entry.version) {
    throw new UnknownVersionError(
      `the record at position ${record.position} (${record.stream}, revision ${record.revision}) holds ` +
        `${type} version ${version}, which this version of Recourse does not know: run the one that wrote it`,
    );
  }
  return entry;
};

const eventMessage = (record: RecordedEvent, topic: Topic): Message =>
  ({
    kind: 'event',
    type: record.type,
    id: record.id,
    data: record.data,
    topic,
    key: record.correlation,
    version: record.version,
    stream: record.stream,
    revision: record.revision,
    position: record.position,
    time: record.time,
    correlation: record.correlation,
    causation: record.causation,
  }) as unknown as EventMessage;

const commandMessage = (
  record: RecordedEvent<'SagaAdvanced'>,
  command: RecordedEvent<'SagaAdvanced'>['data']['commands'][number],
  topic: Topic,
  version: number,
): Message =>
  ({
    kind: 'command',
    type: command.type,
    id: command.id,
    data: upcast(command.type, command.version ?? 1, command.data),
    topic,
    key: record.correlation,
    version,
    stream: record.stream,
    revision: record.revision,
    position: record.position,
    time: record.time,
    correlation: record.correlation,
    causation: record.id,
  }) as unknown as CommandMessage;
