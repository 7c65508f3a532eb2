import { expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { RecordedEvent } from '../../ports/event-log.ts';
import { systemClock } from '../../system.ts';
import type { Build } from './build.ts';
import { openFeed } from './feed.ts';

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const record = (position: number) => ({ position }) as RecordedEvent;

/** A log that grows when it is told to, and whose reads take a moment. */
const growingLog = () => {
  let head = 0;
  let onRecords: ((records: readonly RecordedEvent[]) => void | Promise<void>) | undefined;
  return {
    grow: async (by: number) => {
      const records = Array.from({ length: by }, (_, index) => record(head + 1 + index));
      head += by;
      await onRecords?.(records);
    },
    log: {
      head: async () => head,
      readAll: async (after: number, max: number) => {
        await pause(2);
        return Array.from({ length: Math.min(max, head - after) }, (_, index) => record(after + 1 + index));
      },
      follow: (_after: number, _batchMax: number, hand: typeof onRecords) => {
        onRecords = hand;
        return { close: async () => {} };
      },
    },
  };
};

/** A build that takes its time, and sees whether it is asked twice at once, or handed a gap. */
const slowBuild = () => {
  let position = 0;
  let busy = false;
  const faults: string[] = [];
  const build = {
    place: () => ({ position, record: '' }),
    goes: () => true,
    take: async (after: number, records: readonly RecordedEvent[]) => {
      if (busy) faults.push(`asked while it takes, at ${position}`);
      if (after > position) faults.push(`a gap: from ${position} to ${after}`);
      busy = true;
      await pause(3);
      position = Math.max(position, records.at(-1)?.position ?? position);
      busy = false;
    },
  } as unknown as Build;
  return { build, faults, position: () => position };
};

it('hands each build one batch at a time, also where what is new comes while it is brought up', async () => {
  const { log, grow } = growingLog();
  await grow(50);
  const feed = openFeed({ log, clock: systemClock, logger: pino({ level: 'silent' }) });
  const builds = Array.from({ length: 4 }, slowBuild);
  for (const { build } of builds) {
    feed.add(build);
    await grow(3);
  }
  for (let round = 0; round < 10; round += 1) {
    // Taken out and put in again, as with a lease that comes and goes: it lags behind what is handed over.
    const one = builds[round % builds.length]!;
    await feed.remove(one.build);
    const growing = grow(5);
    feed.add(one.build);
    await growing;
  }
  while (builds.some(({ position }) => position() < 112)) await pause(5);
  await feed.close();
  expect(builds.map(({ faults }) => faults)).toEqual([[], [], [], []]);
});
