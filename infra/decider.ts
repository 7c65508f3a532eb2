import type { DomainEvent } from '@recourse/contracts/events';
import type { OrderId } from '@recourse/contracts/ids';
import { type OrderCategory, orderStream } from '@recourse/contracts/streams';
import { LRUCache } from 'lru-cache';
import { ConflictError } from './errors.ts';
import { stamp } from './event-id.ts';
import { type EventLog, noStream, type RecordedEvent } from './ports/event-log.ts';

/**
 * The pure core of a service. `decide` says what a command makes of a state: events, or none where it has been
 * answered already; it throws only on bugs. `evolve` folds one event. Neither knows time, chance or the world.
 */
export type Decider<State, Command, Event extends DomainEvent> = {
  readonly initial: State;
  decide(command: Command, state: State): readonly Event[];
  evolve(state: State, event: Event): State;
};

/** A state and the revision of the stream that it was folded to. */
export type Loaded<State> = {
  readonly state: State;
  readonly revision: number;
  /** Where the last event stands in the log, for who has just appended it. */
  readonly position?: number;
};

/** How often a command is decided anew after a conflict before its message is tried again as a whole. */
const conflictsMax = 10;

/**
 * The shell of a decider: load, fold, decide, append, over one stream an order. Keeps the states of the orders last
 * touched; a conflict forgets the state, so stale memory cannot append.
 */
export const deciderStore = <State, Command, Event extends DomainEvent>(
  log: EventLog,
  category: OrderCategory,
  decider: Decider<State, Command, Event>,
  { cachedMax = 4_096 }: { readonly cachedMax?: number } = {},
) => {
  const cache = new LRUCache<OrderId, Loaded<State>>({ max: cachedMax });

  /** A category's streams hold the events of its decider, and no others. */
  const asEvent = (record: RecordedEvent) => record as unknown as Event;

  const load = async (orderId: OrderId): Promise<Loaded<State>> => {
    const known = cache.get(orderId);
    if (known !== undefined) return known;
    const records = await log.readStream(orderStream(category, orderId));
    const loaded = {
      state: records.reduce<State>(
        (state, record) => decider.evolve(state, asEvent(record)),
        decider.initial,
      ),
      revision: records.at(-1)?.revision ?? noStream,
    };
    cache.set(orderId, loaded);
    return loaded;
  };

  /** Appends what was decided on `loaded`. Rejects as `EventLog.append` does; then the state is forgotten. */
  const append = async (
    orderId: OrderId,
    loaded: Loaded<State>,
    events: readonly Event[],
    causation: string,
  ): Promise<Loaded<State>> => {
    if (events.length === 0) return loaded;
    const stamped = stamp(events, orderId, causation);
    try {
      const { revision, position } = await log.append(
        orderStream(category, orderId),
        loaded.revision,
        stamped,
      );
      const next = {
        state: events.reduce<State>((state, event) => decider.evolve(state, event), loaded.state),
        revision,
      };
      cache.set(orderId, next);
      return { ...next, position };
    } catch (error) {
      cache.delete(orderId);
      throw error;
    }
  };

  return {
    load,
    append,
    /** The state of an order as it is remembered, without a read; undefined where it is not. */
    peek: (orderId: OrderId): Loaded<State> | undefined => cache.get(orderId),
    /** Forgets one order's state, or all: after a change of owner memory is not to be trusted. */
    forget: (orderId?: OrderId): void => {
      if (orderId === undefined) cache.clear();
      else cache.delete(orderId);
    },
    /** Decides a command and appends what it decides; on conflict loads and decides again. */
    handle: async (orderId: OrderId, command: Command, causation: string): Promise<Loaded<State>> => {
      for (let conflicts = 0; ; conflicts += 1) {
        const loaded = await load(orderId);
        try {
          return await append(orderId, loaded, decider.decide(command, loaded.state), causation);
        } catch (error) {
          if (!(error instanceof ConflictError) || conflicts >= conflictsMax) throw error;
        }
      }
    },
  };
};

/** The shell of a decider, as `deciderStore` makes it. */
export type DeciderStore<State, Command, Event extends DomainEvent> = ReturnType<
  typeof deciderStore<State, Command, Event>
>;
