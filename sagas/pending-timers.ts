import type { OrderId, TimerId } from '@recourse/contracts/ids';
import type { Clock } from '@recourse/infra/ports/clock';
import type { PendingTimer, TimerStore } from '@recourse/infra/ports/timer-store';
import type { Timer } from './timer-firing.ts';
import { timerHeap } from './timer-heap.ts';

/** The timers that are set: by order, by when they are due, and which of them the store does not know yet. */
export const pendingTimers = (clock: Clock, store: TimerStore) => {
  const byOrder = new Map<OrderId, Timer[]>();
  const heap = timerHeap<Timer>(({ state }) => state === 'set');
  let fresh = new Set<Timer>();
  let gone = new Set<TimerId>();
  let saving: Promise<void> = Promise.resolve();

  /** Fired or cancelled: it is pending no more. */
  const drop = (timer: Timer): void => {
    if (timer.state === 'gone') return;
    const wasSet = timer.state === 'set';
    timer.state = 'gone';
    if (wasSet) heap.died();
    const others = byOrder.get(timer.orderId)!.filter((other) => other !== timer);
    if (others.length === 0) byOrder.delete(timer.orderId);
    else byOrder.set(timer.orderId, others);
    fresh.delete(timer);
    if (timer.stored) gone.add(timer.id);
  };

  /** What is added or dropped while the store writes is for the next time. */
  const save = async (): Promise<void> => {
    const [added, removed] = [fresh, gone];
    fresh = new Set();
    gone = new Set();
    for (const timer of added) timer.stored = true;
    try {
      await store.write(removed, storedForms(added, clock));
    } catch (error) {
      // Whether it was written is not known, so what is dropped by now is to be removed in any case.
      for (const timer of added) if (timer.state !== 'gone') fresh.add(timer);
      for (const timerId of removed) gone.add(timerId);
      throw error;
    }
  };

  return {
    /** Adds a timer; one that is pending already stays as it is. */
    add: (timer: Timer): void => {
      const others = byOrder.get(timer.orderId);
      if (others === undefined) byOrder.set(timer.orderId, [timer]);
      else if (others.some(({ id }) => id === timer.id)) return;
      else others.push(timer);
      if (!timer.stored) fresh.add(timer);
      heap.push(timer);
    },
    drop,
    cancel: (orderId: OrderId, timerId: TimerId): void => {
      const timer = byOrder.get(orderId)?.find(({ id }) => id === timerId);
      if (timer !== undefined) drop(timer);
    },
    cancelAll: (orderId: OrderId): void => {
      for (const timer of byOrder.get(orderId) ?? []) drop(timer);
    },
    /** The soonest. */
    next: heap.peek,
    /** Takes the soonest, where its time has come; it stays pending until it is dropped. */
    takeDue: (): Timer | undefined => {
      const timer = heap.peek();
      if (timer === undefined || timer.due > clock.monotonic()) return undefined;
      heap.pop();
      timer.state = 'due';
      return timer;
    },
    /** Makes durable what has changed until now. Rejects as the store does. */
    save: (): Promise<void> => {
      const saved = saving.then(save);
      saving = saved.catch(() => {});
      return saved;
    },
    /** They are somebody else's: none of them fires, and nothing more is made durable. */
    giveUp: (): void => {
      for (const timers of byOrder.values()) for (const timer of timers) timer.state = 'gone';
      byOrder.clear();
      fresh.clear();
      gone.clear();
    },
    /** How many are pending, how many entries the heap has for them, and how many of them are not stored. */
    counts: (): { pending: number; heap: number; unstored: number } => {
      let pending = 0;
      for (const timers of byOrder.values()) pending += timers.length;
      return { pending, heap: heap.size(), unstored: fresh.size };
    },
  };
};

function* storedForms(timers: Iterable<Timer>, clock: Clock): Iterable<PendingTimer> {
  for (const { id, orderId, kind, afterMs, causation, position, due } of timers) {
    const dueAt = Math.round(clock.now() + due - clock.monotonic());
    yield { timerId: id, orderId, kind, afterMs, causation, position, dueAt };
  }
}
