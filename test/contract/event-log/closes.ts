import { expect, it } from '@jest/globals';
import { UnavailableError } from '../../../infra/errors.ts';
import { noStream } from '../../../infra/ports/event-log.ts';
import { freshStream, type Open, type Start, someEvents, until } from './events.ts';

/** What closing promises. */
export const closing = (open: Open, start: Start) => {
  it('ends what is queued when it closes, and refuses what comes later', async () => {
    const log = open();
    const stream = freshStream();
    const queued = log.append(stream, noStream, someEvents(2));
    const closed = log.close();
    await expect(log.append(stream, 1, someEvents(1))).rejects.toBeInstanceOf(UnavailableError);
    expect((await queued).revision).toBe(1);
    await closed;
    await expect(log.append(stream, 1, someEvents(1))).rejects.toBeInstanceOf(UnavailableError);
  });

  it('closes its followers, and waits for what they have in hand', async () => {
    const log = open();
    await log.append(freshStream(), noStream, someEvents(3));
    let begun = 0;
    let ended = 0;
    log.follow(start(), 1, async () => {
      begun += 1;
      await new Promise((resolve) => setImmediate(resolve));
      ended += 1;
    });
    await until(() => begun === 1);
    await log.close();
    expect([begun, ended]).toEqual([1, 1]);
  });
};
