const beatMs = 100;

/**
 * Watches how long this process stands still. The function that is returned ends that, and gives the most that a timer
 * of 100 ms was late meanwhile, in milliseconds: by so much what is promised within a time may be seen later.
 */
export const watchStandstill = (): (() => number) => {
  let dueAt = performance.now() + beatMs;
  let lateMsMax = 0;
  const look = () => {
    lateMsMax = Math.max(lateMsMax, performance.now() - dueAt);
    dueAt = performance.now() + beatMs;
  };
  const timer = setInterval(look, beatMs);
  return () => {
    look();
    clearInterval(timer);
    return lateMsMax;
  };
};
