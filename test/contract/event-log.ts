import { afterEach, beforeEach, describe } from '@jest/globals';
import type { EventLog } from '../../infra/ports/event-log.ts';
import { appending } from './event-log/appends.ts';
import { closing } from './event-log/closes.ts';
import { following } from './event-log/follows.ts';
import { reading } from './event-log/reads.ts';
import { repeating } from './event-log/repeats.ts';

/** A log, and how to leave nothing of it behind. */
export type OpenedLog = {
  readonly log: EventLog;
  /** It holds what others have written before, who write nothing meanwhile; else it is empty. */
  readonly shared?: boolean;
  clean(): Promise<void>;
};

/** What every event log keeps of the port's promises; `open` gives an empty one, or a shared one, for each test. */
export const eventLogContract = (name: string, open: () => Promise<OpenedLog>): void => {
  describe(name, () => {
    let opened: OpenedLog;
    let begin = 0;
    beforeEach(async () => {
      opened = await open();
      begin = opened.shared ? await opened.log.head() : 0;
    });
    afterEach(async () => {
      await opened.log.close();
      await opened.clean();
    });
    const log = () => opened.log;
    const start = () => begin;
    describe('appends', () => appending(log, start));
    describe('repeats', () => repeating(log));
    describe('reads', () => reading(log, start));
    describe('follows', () => following(log, start));
    describe('closes', () => closing(log, start));
  });
};
