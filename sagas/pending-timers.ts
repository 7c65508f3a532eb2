import type { OrderId, TimerId } from '@recourse/contracts/ids';
import type { Clock } from '@recourse/infra/ports/clock';
import type { PendingTimer, TimerStore } from '@recourse/infra/ports/timer-store';
import type { Timer } from './timer-firing.ts';
import { timerHeap } from './timer-heap.ts';

/** The timers that are set: by order, by when they are due, and which of them the store does not know yet. */
export const pendingTimers = (clock: Clock, store: TimerStore) => {
  const byOrder = new Map<OrderId, Timer[]>();
  const heap = timerHeap<Timer>(({ state }) => state === 'set');
  const fresh = new Set<Timer>();
  const gone = new Set<TimerId>();

  /** Fired or cancelled: it is pending no more. */
  const drop = (timer: Timer): void => {
    if (timer.state === 'gone') return;
    const wasSet = timer.state === 'set';
    timer.state = 'gone';
    if (wasSet) heap.died();
    const others = byOrder.get(timer.orderId)!.filter((other) => other !== timer);
    if (others.length === 0) byOrder.delete(timer.orderId);
    else byOrder.set(timer.orderId, others);
    if (!fresh.delete(timer) && timer.stored) gone.add(timer.id);
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
    /** Makes durable what has changed since the last time. Throws as the store does. */
    save: (): void => {
      store.write(gone, storedForms(fresh, clock));
      for (const timer of fresh) timer.stored = true;
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
