import { Presets, SingleBar } from 'cli-progress';

const bytesPerMegabyte = 1_000_000;

/** Megabytes of so many, on a terminal; elsewhere nothing is shown. */
export const megabyteBar = () => {
  let bar: SingleBar | undefined;
  let done = 0;
  return {
    start: (bytes: number): void => {
      if (process.stderr.isTTY !== true) return;
      const format = ' {bar} {percentage} % | {value} of {total} MB | {eta_formatted} left';
      bar = new SingleBar({ format, etaBuffer: 100, stopOnComplete: false }, Presets.shades_classic);
      bar.start(Math.ceil(bytes / bytesPerMegabyte), 0);
    },
    add: (bytes: number): void => {
      done += bytes;
      bar?.update(Math.floor(done / bytesPerMegabyte));
    },
    stop: (): void => bar?.stop(),
  };
};

/** Bytes as megabytes, for people. */
export const megabytesText = (bytes: number): string => `${(bytes / bytesPerMegabyte).toFixed(1)} MB`;
