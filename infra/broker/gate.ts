import type { Clock } from '../ports/clock.ts';

/** The first wait after a failure to reach something, and the longest. */
const delayMsMin = 50;
const delayMsMax = 1_000;

/** What a message that met an unavailable part waited for. */
export type Admission = 'probe' | 'open' | 'ended';

/**
 * Holds a group at its place while something it needs cannot be reached. Those that failed wait; one of them at a
 * time, the probe, is let through after a delay that grows to a second, and what becomes of it decides for all.
 */
export const openGate = (clock: Clock, onOpen: () => void) => {
  let shut = false;
  let ended = false;
  let delayMs = delayMsMin;
  let waiting: ((admission: Admission) => void)[] = [];
  let cancelProbe = () => {};

  const releaseAll = (admission: Admission) => {
    cancelProbe();
    const all = waiting;
    waiting = [];
    for (const release of all) release(admission);
  };

  return {
    isShut: (): boolean => shut,
    /** Says that something could not be reached, and waits to be let through. `probe`: who asks was the probe. */
    failed: (probe: boolean): Promise<Admission> => {
      if (ended) return Promise.resolve('ended');
      if (!shut || probe) {
        delayMs = probe ? Math.min(delayMs * 2, delayMsMax) : delayMsMin;
        shut = true;
        cancelProbe();
        cancelProbe = clock.after(delayMs, () => waiting.shift()?.('probe'));
      }
      return new Promise((resolve) => {
        if (probe) waiting.unshift(resolve);
        else waiting.push(resolve);
      });
    },
    /** Waits where others are waiting; at once where the gate is open. */
    pass: (): Promise<Admission> => {
      if (ended) return Promise.resolve('ended');
      return shut ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve('open');
    },
    /** The probe came through: all may go on. */
    open: (): void => {
      if (!shut || ended) return;
      shut = false;
      releaseAll('open');
      onOpen();
    },
    /** Lets everybody go for good, without trying. */
    end: (): void => {
      ended = true;
      releaseAll('ended');
    },
  };
};

/** A group's gate. */
export type Gate = ReturnType<typeof openGate>;
