import { type Options, Presets, SingleBar } from 'cli-progress';

/**
 * A bar on stderr, on a terminal; `undefined` elsewhere, and where `quiet` asks for none. `words` stand behind the
 * percentage, with what the bar knows in braces: `{value} of {total}`. It is gone when it is stopped, unless told.
 */
export const progressBar = (words: string, quiet: boolean, options: Options = {}): SingleBar | undefined => {
  if (quiet || process.stderr.isTTY !== true) return undefined;
  const format = ` {bar} {percentage} % | ${words}`;
  return new SingleBar(
    { format, stopOnComplete: false, clearOnComplete: true, ...options },
    Presets.shades_classic,
  );
};
