import { createRequire } from 'node:module';
import type { SupportedMethods } from '@eventstore/db-client/generated/serverfeatures_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import type { StreamIdentifier } from '@eventstore/db-client/generated/shared_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { Status } from '@eventstore/db-client/generated/status_pb.js';
import rpc from '@eventstore/db-client/generated/status_pb.js';
import type { ReadResp } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { Metadata, status } from '@grpc/grpc-js';
import type { Outcome, StoredEvent } from './store.ts';

/** What the server says, as messages of the protocol. */

const ours = createRequire(import.meta.url);
/** The package that the client's own messages are made with: another version's would not fit into them. */
const theirs = createRequire(ours.resolve('@eventstore/db-client'));

type Packed = { pack(bytes: Uint8Array, type: string): void };
const { Any } = theirs('google-protobuf/google/protobuf/any_pb.js') as { Any: new () => Packed };
const { Empty } = theirs('google-protobuf/google/protobuf/empty_pb.js') as { Empty: new () => never };

/** A stream's name as it travels. */
export const streamIdentifier = (name: string): StreamIdentifier => {
  const identifier = new shared.StreamIdentifier();
  identifier.setStreamName(new TextEncoder().encode(name));
  return identifier;
};

/** The name of a stream. */
export const nameOf = (identifier: StreamIdentifier | undefined): string =>
  Buffer.from(identifier!.getStreamName_asU8()).toString('utf8');

const ticksAMs = 10_000n;

/** A stored event, as one message of a read or of a subscription. */
export const eventMessage = (event: StoredEvent): ReadResp => {
  const recorded = new streams.ReadResp.ReadEvent.RecordedEvent();
  const id = new shared.UUID();
  id.setString(event.id);
  recorded.setId(id);
  recorded.setStreamIdentifier(streamIdentifier(event.stream));
  recorded.setStreamRevision(String(event.revision));
  recorded.setCommitPosition(String(event.position));
  recorded.setPreparePosition(String(event.position));
  recorded.getMetadataMap().set('type', event.type);
  recorded.getMetadataMap().set('content-type', event.contentType);
  recorded.getMetadataMap().set('created', String(BigInt(event.createdMs) * ticksAMs));
  recorded.setData(event.data);
  recorded.setCustomMetadata(event.metadata);
  const read = new streams.ReadResp.ReadEvent();
  read.setEvent(recorded);
  read.setCommitPosition(String(event.position));
  const message = new streams.ReadResp();
  message.setEvent(read);
  return message;
};

/** That there is no such stream. */
export const notFoundMessage = (name: string): ReadResp => {
  const notFound = new streams.ReadResp.StreamNotFound();
  notFound.setStreamIdentifier(streamIdentifier(name));
  const message = new streams.ReadResp();
  message.setStreamNotFound(notFound);
  return message;
};

/** That a subscription has begun. */
export const confirmationMessage = (): ReadResp => {
  const confirmation = new streams.ReadResp.SubscriptionConfirmation();
  confirmation.setSubscriptionId(crypto.randomUUID());
  const message = new streams.ReadResp();
  message.setConfirmation(confirmation);
  return message;
};

/** How far a filtered subscription has come; as seen, its prepare position can be 0. */
export const checkpointMessage = (position: number): ReadResp => {
  const checkpoint = new streams.ReadResp.Checkpoint();
  checkpoint.setCommitPosition(String(position));
  checkpoint.setPreparePosition('0');
  const message = new streams.ReadResp();
  message.setCheckpoint(checkpoint);
  return message;
};

const packed = (code: number, message: string, type: string, details: { serializeBinary(): Uint8Array }) => {
  const any = new Any();
  any.pack(details.serializeBinary(), `event_store.client.${type}`);
  const said = new rpc.Status();
  said.setCode(code as never);
  said.setMessage(message);
  said.setDetails(any as never);
  return said;
};

/** That an append timed out in the server. */
export const timeoutStatus = (): Status =>
  packed(status.DEADLINE_EXCEEDED, 'Timeout', 'Timeout', new shared.Timeout());

/** Why an append was refused, as batch append says it. */
export const refusalStatus = (outcome: Exclude<Outcome, { kind: 'stored' }>, name: string): Status => {
  if (outcome.kind === 'wrong') {
    const wrong = new shared.WrongExpectedVersion();
    if (outcome.current === undefined) wrong.setCurrentNoStream(new Empty());
    else wrong.setCurrentStreamRevision(String(outcome.current));
    return packed(status.ALREADY_EXISTS, 'WrongExpectedVersion', 'WrongExpectedVersion', wrong);
  }
  if (outcome.kind === 'tombstoned') {
    const deleted = new shared.StreamDeleted();
    deleted.setStreamIdentifier(streamIdentifier(name));
    return packed(status.NOT_FOUND, 'StreamDeleted', 'StreamDeleted', deleted);
  }
  const large = new shared.MaximumAppendSizeExceeded();
  large.setMaxappendsize(outcome.maxBytes);
  return packed(status.INVALID_ARGUMENT, 'MaxAppendSize', 'MaximumAppendSizeExceeded', large);
};

/** An error of a whole call, as the client knows it by its trailers. */
export const callError = (code: status, exception: string, more: Readonly<Record<string, string>> = {}) => {
  const metadata = new Metadata();
  metadata.set('exception', exception);
  for (const [name, value] of Object.entries(more)) metadata.set(name, value);
  return { code, details: exception, metadata };
};

/** What the server can do. */
export const supportedMethods = (methods: readonly string[]): SupportedMethods => {
  const supported = new features.SupportedMethods();
  supported.setEventStoreServerVersion('22.10.5.0');
  for (const name of methods) {
    const method = new features.SupportedMethod();
    method.setServiceName('event_store.client.streams.streams');
    method.setMethodName(name);
    supported.addMethods(method);
  }
  return supported;
};
