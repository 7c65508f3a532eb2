/** One at a time; who asks while one is computed gets the next, and shares it with all others who do. */
export const oneAtATime = <T>(compute: () => Promise<T>): (() => Promise<T>) => {
  let next: Promise<T> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return () => {
    next ??= last.then(() => {
      next = undefined;
      const computed = compute();
      last = computed.catch(() => {});
      return computed;
    });
    return next;
  };
};
