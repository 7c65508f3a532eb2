import type { Clock } from '../../ports/clock.ts';

/** A clock of a process that can be paused: its timers that fall due meanwhile run when it goes on. */
export const pausableClock = (clock: Clock) => {
  let paused = false;
  let due: (() => void)[] = [];
  const it: Clock = {
    ...clock,
    after: (delayMs, run) => {
      let cancelled = false;
      const cancel = clock.after(delayMs, () => {
        if (paused) due.push(() => cancelled || run());
        else run();
      });
      return () => {
        cancelled = true;
        cancel();
      };
    },
  };
  return {
    clock: it,
    isPaused: () => paused,
    pause: () => {
      paused = true;
    },
    goOn: () => {
      paused = false;
      const runs = due;
      due = [];
      for (const run of runs) run();
    },
  };
};
