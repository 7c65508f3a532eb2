/**
 * Room for so many things at once, which together are of so many bytes; one alone may be bigger. Whoever comes first
 * is let in first.
 */
export const slots = (countMax: number, bytesMax: number) => {
  const waiting: { readonly bytes: number; readonly enter: () => void }[] = [];
  let count = 0;
  let bytesIn = 0;

  const fits = (bytes: number) => count === 0 || (count < countMax && bytesIn + bytes <= bytesMax);
  const enter = (bytes: number) => {
    count += 1;
    bytesIn += bytes;
  };

  return {
    /** Resolves when there is room. */
    take: async (bytes: number): Promise<void> => {
      if (waiting.length === 0 && fits(bytes)) return enter(bytes);
      await new Promise<void>((resolve) => waiting.push({ bytes, enter: resolve }));
    },
    give: (bytes: number): void => {
      count -= 1;
      bytesIn -= bytes;
      while (waiting.length > 0 && fits(waiting[0]!.bytes)) {
        const next = waiting.shift()!;
        enter(next.bytes);
        next.enter();
      }
    },
  };
};
