import type { EventData, Participant } from '@recourse/contracts/events';
import type { OrderId } from '@recourse/contracts/ids';
import { addressee, type Topic } from '@recourse/contracts/registry';
import { orderStream } from '@recourse/contracts/streams';
import { ConflictError } from '@recourse/infra/errors';
import { stamp } from '@recourse/infra/event-id';
import type { ConsumerGroup, Message } from '@recourse/infra/ports/broker';
import { type EventLog, noStream, type RecordedEvent } from '@recourse/infra/ports/event-log';
import { LRUCache } from 'lru-cache';
import { hasBegun } from './begun.ts';
import { readSagaHistory } from './history.ts';
import { isKnownVersion, knownVersion, refuseNewer, type SagaVersion } from './machines.ts';
import { migrated, migrationRequested } from './migrate.ts';
import { type NewOrders, newOrdersDefault, startVersion } from './ramp.ts';
import {
  type Advance,
  accepted,
  hears,
  type OrderFacts,
  type SagaInput,
  type SagaState,
  type SagaTimes,
  step,
} from './step.ts';

/** A saga in memory: what OrderCreated said, where it stands, and the revision of its stream. */
type Known = {
  readonly facts: OrderFacts;
  readonly state: SagaState;
  /** Of the machine to which it is pinned. */
  readonly version: SagaVersion;
  readonly revision: number;
};

/** Lines of orders kept in memory with their sagas: an order may have a thousand. */
const cachedLinesMax = 250_000;

/** How often an input is heard anew after a conflict before its message is tried again as a whole. */
const conflictsMax = 10;

/** What the orchestrator needs; `times` as in `SagaTimes`. */
export type OrchestratorOptions = {
  readonly log: EventLog;
  readonly times: Omit<SagaTimes, 'foreign'>;
  /**
   * Participants that are somebody else's program: they write no intent, so every ask of theirs counts, and they are
   * given longer. None where nothing is said.
   */
  readonly foreign?: ReadonlySet<Participant>;
  /** The version on which new orders begin; the first where nothing is said. */
  readonly newOrders?: NewOrders;
  /** Sagas kept in memory; an ended one is forgotten at once. */
  readonly cachedMax?: number;
};

/**
 * The shell around the saga: event in, ONE append out. It hears the order's events, and timers and people by
 * `saga.inputs`; it alone writes `saga-<id>`. Commands travel inside SagaAdvanced.
 */
export const orchestrator = (options: OrchestratorOptions) => {
  const { log, foreign = nobody, newOrders = newOrdersDefault, cachedMax = 20_000 } = options;
  const times: SagaTimes = { ...options.times, foreign };
  let memory = emptyMemory(cachedMax);

  const handle = async (message: Message): Promise<void> => {
    if (message.kind !== 'event') return;
    const hearIt = message.type === migrationRequested ? hearMigration : hearMessage;
    // What is still being heard when the partitions are assigned anew is remembered for nobody.
    const cache = memory;
    if (hearIt === hearMessage && !hears(message.type)) return;
    for (let conflicts = 0; ; conflicts += 1) {
      try {
        return await hearIt(cache, message.key, inputOf(message));
      } catch (error) {
        cache.delete(message.key);
        if (!(error instanceof ConflictError) || conflicts >= conflictsMax) throw error;
      }
    }
  };

  const hearMessage = async (cache: Memory, orderId: OrderId, input: SagaInput): Promise<void> => {
    let saga = cache.get(orderId) ?? (await load(log, orderId, input, newOrders));
    if (asks(input.type)) {
      const told = await hearWhatIsThere(orderId, saga);
      saga = told.saga;
      input = { ...input, started: told.started };
    }
    saga = await hear(orderId, saga, input);
    if (saga.state.status === 'done') cache.delete(orderId);
    else cache.set(orderId, saga);
  };

  /** Steps and appends; the same saga where the input means nothing. */
  const hear = async (orderId: OrderId, saga: Known, input: SagaInput): Promise<Known> => {
    const data = step(saga.state, input, saga.facts, times, saga.version);
    if (data === undefined) return saga;
    return { ...saga, state: data.state, revision: await append(orderId, saga.revision, data) };
  };

  const append = async (orderId: OrderId, expectedRevision: number, data: Advance): Promise<number> => {
    const stamped = stamp([{ type: 'SagaAdvanced', data }], orderId, data.input.id);
    return (await log.append(orderStream('saga', orderId), expectedRevision, stamped)).revision;
  };

  /**
   * A wish to go on as another version of the machine: checked again, on all that the saga has heard. No chart hears
   * it, so it is granted where the saga still stands at the revision that was asked about, or it comes to nothing; so
   * does one for a version that was taken out since.
   */
  const hearMigration = async (cache: Memory, orderId: OrderId, input: SagaInput): Promise<void> => {
    const { from, to } = input.data as EventData['SagaMigrationRequested'];
    for (const version of [from, to]) refuseNewer(version);
    if (!isKnownVersion(to)) return;
    const history = await readSagaHistory(log, orderId);
    if (history === undefined) return;
    const { heard, facts } = history;
    const moved = migrated(heard, facts, input);
    if ('refusal' in moved) return;
    const { state } = moved.advance;
    const revision = await append(orderId, heard.length - 1, moved.advance);
    cache.set(orderId, { facts, state, version: knownVersion(to), revision });
  };

  /**
   * Messages are hints, the log is the truth: before each ask, hear what stands in the participant's stream behind
   * the last revision heard, and see whether it has begun on the outstanding command.
   */
  const hearWhatIsThere = async (orderId: OrderId, saga: Known) => {
    const { outstanding } = saga.state.context;
    const category = outstanding === undefined ? 'order' : addressee[outstanding.type];
    const records = await log.readStream(orderStream(category, orderId));
    let heard = saga;
    for (const record of records) {
      if (hears(record.type)) heard = await hear(orderId, heard, { ...record, category });
    }
    const counts = foreign.has(category) || (outstanding !== undefined && hasBegun(outstanding, records));
    return { saga: heard, started: outstanding !== undefined && counts };
  };

  const group: ConsumerGroup = {
    group: 'orchestrator',
    topics: ['order.events', 'payment.events', 'inventory.events', 'shipping.events', 'saga.inputs'],
    handle,
    // Others may have gone on with any order: ignoring is not fenced, so memory is valid within one assignment only.
    onAssigned: async () => {
      memory = emptyMemory(cachedMax);
    },
  };
  return { group };
};

/** The sagas that were heard of last. */
type Memory = LRUCache<OrderId, Known>;

const emptyMemory = (cachedMax: number): Memory =>
  new LRUCache({
    max: cachedMax,
    maxSize: cachedLinesMax,
    sizeCalculation: ({ facts }) => facts.lines.length,
  });

const nobody: ReadonlySet<Participant> = new Set();

/** Timers and people ask again, after a look into the log. */
const asks = (type: string) => type === 'TimerFired' || type === 'RetryRequested';

/** Whose stream an input comes from: each topic of events carries those of one category of streams. */
const categoryOf = {
  'order.events': 'order',
  'payment.events': 'payment',
  'inventory.events': 'inventory',
  'shipping.events': 'shipping',
  'saga.inputs': 'saga-input',
} as const satisfies Partial<Record<Topic, SagaInput['category']>>;

const inputOf = (message: Extract<Message, { kind: 'event' }>): SagaInput => ({
  id: message.id,
  type: message.type,
  category: categoryOf[message.topic as keyof typeof categoryOf],
  revision: message.revision,
  data: message.data,
});

/** Folds a saga from the log: its last SagaAdvanced is its state, and says to which version of the machine it is pinned. */
const load = async (
  log: EventLog,
  orderId: OrderId,
  input: SagaInput,
  newOrders: NewOrders,
): Promise<Known> => {
  const [last] = await log.readStream(orderStream('saga', orderId), { direction: 'backwards', max: 1 });
  const facts = input.type === 'OrderCreated' ? (input.data as OrderFacts) : await factsOf(log, orderId);
  if (last === undefined)
    return { facts, state: accepted, version: startVersion(orderId, newOrders), revision: noStream };
  const { state, machine } = (last as RecordedEvent<'SagaAdvanced'>).data;
  refuseNewer(machine.version);
  // One that has ended hears nothing more, whichever version it was.
  const version = state.status === 'done' ? newOrders.version : knownVersion(machine.version);
  return { facts, state, version, revision: last.revision };
};

const factsOf = async (log: EventLog, orderId: OrderId): Promise<OrderFacts> => {
  const [created] = await log.readStream(orderStream('order', orderId), { max: 1 });
  if (created?.type !== 'OrderCreated')
    throw new Error(`order-${orderId}: no OrderCreated, but its saga was spoken to`);
  return created.data;
};
