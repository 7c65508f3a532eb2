import { afterEach, beforeEach, describe } from '@jest/globals';
import type { EventLog } from '../../infra/ports/event-log.ts';
import { appending } from './event-log/appends.ts';
import { closing } from './event-log/closes.ts';
import { following } from './event-log/follows.ts';
import { reading } from './event-log/reads.ts';
import { repeating } from './event-log/repeats.ts';

/** An empty log, and how to leave nothing of it behind. */
export type OpenedLog = { readonly log: EventLog; clean(): Promise<void> };

/** What every event log keeps of the port's promises; `open` gives an empty one for each test. */
export const eventLogContract = (name: string, open: () => Promise<OpenedLog>): void => {
  describe(name, () => {
    let opened: OpenedLog;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(async () => {
      await opened.log.close();
      await opened.clean();
    });
    const log = () => opened.log;
    describe('appends', () => appending(log));
    describe('repeats', () => repeating(log));
    describe('reads', () => reading(log));
    describe('follows', () => following(log));
    describe('closes', () => closing(log));
  });
};
