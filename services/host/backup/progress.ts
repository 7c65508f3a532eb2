import { progressBar } from '../progress-bar.ts';

const bytesPerMegabyte = 1_000_000;

/** Megabytes of so many, on a terminal; elsewhere nothing is shown. */
export const megabyteBar = () => {
  const bar = progressBar('{value} of {total} MB | {eta_formatted} left', false, {
    etaBuffer: 100,
    clearOnComplete: false,
  });
  let done = 0;
  return {
    start: (bytes: number): void => bar?.start(Math.ceil(bytes / bytesPerMegabyte), 0),
    add: (bytes: number): void => {
      done += bytes;
      bar?.update(Math.floor(done / bytesPerMegabyte));
    },
    stop: (): void => bar?.stop(),
  };
};

/** Bytes as megabytes, for people. */
export const megabytesText = (bytes: number): string => `${(bytes / bytesPerMegabyte).toFixed(1)} MB`;
