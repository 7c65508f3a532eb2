/** What a heap of timers orders by. */
type Due = { readonly due: number };

/** Below so many entries compacting is not worth its while. */
const compactMin = 1_024;

/**
 * A binary heap: the soonest first. What is cancelled stays until it comes up, or until the dead outnumber the
 * living; so cancelling is O(1), and the heap is never more than twice as large as what is alive in it.
 */
export const timerHeap = <T extends Due>(isAlive: (item: T) => boolean) => {
  let items: T[] = [];
  let dead = 0;

  const up = (start: number) => {
    const item = items[start]!;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent]!.due <= item.due) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  };

  const down = (start: number) => {
    const item = items[start]!;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]!.due < items[child]!.due) child += 1;
      if (items[child]!.due >= item.due) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = item;
  };

  const pop = (): T | undefined => {
    const first = items[0];
    const last = items.pop();
    if (last !== undefined && items.length > 0) {
      items[0] = last;
      down(0);
    }
    return first;
  };

  return {
    push: (item: T): void => {
      items.push(item);
      up(items.length - 1);
    },
    /** The soonest that is alive; drops the dead before it. */
    peek: (): T | undefined => {
      while (items.length > 0 && !isAlive(items[0]!)) {
        pop();
        dead -= 1;
      }
      return items[0];
    },
    pop,
    /** Says that one of its items is no longer alive. */
    died: (): void => {
      dead += 1;
      if (dead < compactMin || dead * 2 < items.length) return;
      items = items.filter(isAlive);
      dead = 0;
      for (let at = (items.length >> 1) - 1; at >= 0; at -= 1) down(at);
    },
    /** How many entries it holds, the dead included. */
    size: (): number => items.length,
  };
};
