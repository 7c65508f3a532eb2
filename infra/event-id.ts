import { hash } from 'node:crypto';
import type { DomainEvent } from '@recourse/contracts/events';
import type { CommandId, EventId, TimerId } from '@recourse/contracts/ids';
import type { NewEvent } from './ports/event-log.ts';

/** Where a namespace and a name are put together, so that hashing them allocates nothing. */
const scratch = Buffer.alloc(64 * 1024);
const namespaceBytes = 16;

/** Bytes of UTF-8 that one unit of a string takes at the most. */
const utf8BytesMax = 3;

/** The namespace's sixteen bytes followed by the name, hashed. */
const digestOf = (namespace: string, name: string): string => {
  const hex = namespace.replaceAll('-', '');
  if (name.length * utf8BytesMax > scratch.length - namespaceBytes || hex.length !== 2 * namespaceBytes)
    return hash('sha1', Buffer.concat([Buffer.from(hex, 'hex'), Buffer.from(name)]), 'hex');
  scratch.write(hex, 0, namespaceBytes, 'hex');
  return hash('sha1', scratch.subarray(0, namespaceBytes + scratch.write(name, namespaceBytes)), 'hex');
};

/**
 * A UUIDv5 (RFC 9562, section 5.5) of a name within a namespace. `node:crypto` hashes in one call here: ten times
 * as fast as the `uuid` package, and this runs some thirty times an order.
 */
export const uuidV5 = (namespace: string, name: string): string => {
  const digest = digestOf(namespace, name);
  const variant = '89ab'[Number.parseInt(digest[16]!, 16) & 3];
  return `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-${variant}${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
};

/**
 * The id of an event: UUIDv5 of what caused it (the namespace), its index among what that caused, its type and its
 * data. The same cause decides the same events, so a repeat has the same ids; other data never hides behind them.
 */
export const eventId = (causation: string, index: number, type: string, data: unknown): EventId =>
  eventIdOf(causation, index, type, JSON.stringify(data));

const eventIdOf = (causation: string, index: number, type: string, json: string): EventId =>
  uuidV5(causation, `${index}:${type}:${json}`) as EventId;

/** The id of a command: of the input that caused it, its index, and its type and data; not of any state's name. */
export const commandId = (inputId: string, index: number, type: string, data: unknown): CommandId =>
  uuidV5(inputId, `command:${index}:${type}:${JSON.stringify(data)}`) as CommandId;

/** The id of a timer: of the input that set it, and its kind. */
export const timerId = (inputId: string, kind: string): TimerId =>
  uuidV5(inputId, `timer:${kind}`) as TimerId;

/** Gives events, decided together for one cause, what they need to be appended. */
export const stamp = (events: readonly DomainEvent[], correlation: string, causation: string): NewEvent[] =>
  events.map(({ type, data }, index) => {
    const json = JSON.stringify(data);
    return {
      type,
      data,
      json,
      id: eventIdOf(causation, index, type, json),
      correlation,
      causation,
    } as NewEvent;
  });
