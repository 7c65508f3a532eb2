import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { AppendReq, BatchAppendReq } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import {
  type ServerDuplexStream,
  type ServerReadableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { callError, nameOf, refusalStatus, streamIdentifier, timeoutStatus } from './messages.ts';
import type { Expected, MemoryStore, Outcome, ProposedEvent } from './store.ts';

/**
 * What is to go wrong with an append. `lose`: it is neither stored nor answered; `drop`: stored, not answered; `break`:
 * stored, then the call ends with an error; `refuse`: not stored, and the call ends with an error; `timeout`: not
 * stored, and the server says that it timed out; `late`: stored, answered when `letGo` is called.
 */
export type AppendFault = 'lose' | 'drop' | 'break' | 'refuse' | 'timeout' | 'late';

/** How appends are taken. */
export type AppendOptions = {
  readonly store: () => MemoryStore;
  /** What is to go wrong with this append, if anything. */
  readonly fault: (stream: string) => AppendFault | undefined;
  /** How long an append is in flight before it is stored; 0: not at all. */
  readonly commitMs: () => number;
  /** How long the second of two identical appends in flight waits before it is told that it timed out. */
  readonly raceMs: number;
  readonly onStored: () => void;
};

type Append = {
  readonly stream: string;
  readonly expected: Expected;
  readonly events: readonly ProposedEvent[];
};
type Answer = Outcome | { readonly kind: 'timeout' };

const proposed = (message: AppendReq.ProposedMessage | BatchAppendReq.ProposedMessage): ProposedEvent => ({
  id: message.getId()!.getString(),
  type: message.getMetadataMap().get('type')!,
  contentType: message.getMetadataMap().get('content-type')!,
  data: message.getData_asU8(),
  metadata: message.getCustomMetadata_asU8(),
});

const expectedOf = (
  options: { hasNoStream(): boolean; hasAny(): boolean; hasStreamExists(): boolean },
  revision: string,
): Expected => {
  if (options.hasNoStream()) return 'no_stream';
  if (options.hasAny()) return 'any';
  return options.hasStreamExists() ? 'stream_exists' : Number(revision);
};

const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Appends, one by one and in batches. */
export const appendHandlers = (options: AppendOptions) => {
  /** Appends that are not stored yet, by stream, place and ids. */
  const inFlight = new Set<string>();
  let held: (() => void)[] = [];
  const calls = new Set<ServerDuplexStream<BatchAppendReq, InstanceType<typeof streams.BatchAppendResp>>>();

  const take = async (append: Append): Promise<Answer> => {
    const key = [append.stream, append.expected, ...append.events.map(({ id }) => id)].join();
    if (inFlight.has(key)) {
      await later(options.raceMs);
      return { kind: 'timeout' };
    }
    const ms = options.commitMs();
    if (ms > 0) {
      inFlight.add(key);
      await later(ms);
      inFlight.delete(key);
    }
    const outcome = options.store().append(append.stream, append.expected, append.events);
    options.onStored();
    return outcome;
  };

  /** What is to be answered, `undefined`: nothing, `broken`: the call ends. */
  const faulty = async (append: Append): Promise<Answer | 'broken' | undefined> => {
    const fault = options.fault(append.stream);
    if (fault === 'lose') return undefined;
    if (fault === 'refuse') return 'broken';
    if (fault === 'timeout') return { kind: 'timeout' };
    const answer = await take(append);
    if (fault === 'drop') return undefined;
    if (fault === 'break') return 'broken';
    if (fault === 'late') await new Promise<void>((resolve) => held.push(resolve));
    return answer;
  };

  const answerOf = (answer: Answer, append: Append) => {
    const message = new streams.BatchAppendResp();
    message.setStreamIdentifier(streamIdentifier(append.stream));
    if (answer.kind === 'timeout') message.setError(timeoutStatus());
    else if (answer.kind !== 'stored') message.setError(refusalStatus(answer, append.stream));
    else {
      const success = new streams.BatchAppendResp.Success();
      success.setCurrentRevision(String(answer.revision));
      const position = new shared.AllStreamPosition();
      position.setCommitPosition(String(answer.position));
      position.setPreparePosition(String(answer.position));
      success.setPosition(position);
      message.setSuccess(success);
    }
    return message;
  };

  const batchAppend = (
    call: ServerDuplexStream<BatchAppendReq, InstanceType<typeof streams.BatchAppendResp>>,
  ) => {
    const begun = new Map<string, { options: BatchAppendReq.Options; events: ProposedEvent[] }>();
    calls.add(call);
    call.on('cancelled', () => calls.delete(call));
    // Nothing is written to a call that is broken: its end would never be told.
    call.on('error', () => calls.delete(call));
    call.on('end', () => call.end());
    call.on('data', async (request: BatchAppendReq) => {
      const id = request.getCorrelationId()!.getString();
      const part = begun.get(id) ?? { options: request.getOptions()!, events: [] };
      begun.set(id, part);
      part.events.push(...request.getProposedMessagesList().map(proposed));
      if (!request.getIsFinal()) return;
      begun.delete(id);
      const stream = nameOf(part.options.getStreamIdentifier());
      const expected = expectedOf(part.options, part.options.getStreamPosition());
      const append = { stream, expected, events: part.events };
      const answer = await faulty(append);
      if (answer === undefined || !calls.has(call)) return;
      if (answer === 'broken') call.emit('error', callError(status.UNAVAILABLE, 'broken'));
      else {
        const message = answerOf(answer, append);
        message.setCorrelationId(request.getCorrelationId());
        call.write(message);
      }
    });
  };

  const reply = (answer: Answer | 'broken', append: Append, callback: sendUnaryData<never>) => {
    const message = new streams.AppendResp();
    if (answer === 'broken') return callback(callError(status.UNAVAILABLE, 'broken'));
    if (answer.kind === 'timeout') return callback(callError(status.ABORTED, 'timeout'));
    if (answer.kind === 'tombstoned')
      return callback(
        callError(status.FAILED_PRECONDITION, 'stream-deleted', { 'stream-name': append.stream }),
      );
    if (answer.kind === 'too-large') {
      const max = { 'maximum-append-size': String(answer.maxBytes) };
      return callback(callError(status.INVALID_ARGUMENT, 'maximum-append-size-exceeded', max));
    }
    if (answer.kind === 'wrong') {
      const wrong = new streams.AppendResp.WrongExpectedVersion();
      if (answer.current === undefined) wrong.setCurrentNoStream(new shared.Empty());
      else wrong.setCurrentRevision(String(answer.current));
      message.setWrongExpectedVersion(wrong);
    } else {
      const success = new streams.AppendResp.Success();
      success.setCurrentRevision(String(answer.revision));
      const position = new streams.AppendResp.Position();
      position.setCommitPosition(String(answer.position));
      position.setPreparePosition(String(answer.position));
      success.setPosition(position);
      message.setSuccess(success);
    }
    return callback(null, message as never);
  };

  const append = (call: ServerReadableStream<AppendReq, never>, callback: sendUnaryData<never>) => {
    let asked: AppendReq.Options | undefined;
    const events: ProposedEvent[] = [];
    call.on('data', (request: AppendReq) => {
      if (request.hasOptions()) asked = request.getOptions();
      else events.push(proposed(request.getProposedMessage()!));
    });
    call.on('end', async () => {
      const stream = nameOf(asked!.getStreamIdentifier());
      const one = { stream, expected: expectedOf(asked!, asked!.getRevision()), events };
      const answer = await faulty(one);
      if (answer !== undefined) reply(answer, one, callback);
    });
  };

  return {
    append,
    batchAppend,
    /** Answers the appends that are `late`. */
    letGo: (): void => {
      for (const answer of held.splice(0)) answer();
    },
    /** Breaks the calls that carry appends, with whatever is in flight. */
    breakAll: (): void => {
      for (const call of [...calls]) call.emit('error', callError(status.UNAVAILABLE, 'broken'));
      held = [];
    },
  };
};
