import { afterEach, describe, expect, it } from '@jest/globals';
import { anEvent, freshStream, idsOf, someEvents, until } from '../../test/contract/event-log/events.ts';
import { UnavailableError } from '../errors.ts';
import { noStream } from '../ports/event-log.ts';
import { temporaryLogs } from './testing/temporary.ts';

describe('a log that cannot write', () => {
  const logs = temporaryLogs();
  afterEach(logs.clean);

  /** A log whose commits fail from the moment `broken` is set, as they do when a sync fails. */
  const breakable = (path: string) => {
    const disk = { broken: false };
    const failures: Error[] = [];
    const beforeCommit = () => {
      if (disk.broken) throw new Error('disk I/O error');
    };
    const log = logs.open(path, { faults: { beforeCommit }, onFailure: (error) => failures.push(error) });
    return { log, disk, failures };
  };

  it('refuses the appends of the transaction that failed and all after it, and says so once', async () => {
    const { log, disk, failures } = breakable(logs.path());
    await log.append(freshStream(), noStream, someEvents(1));
    disk.broken = true;
    const results = await Promise.allSettled([
      log.append(freshStream(), noStream, someEvents(1)),
      log.append(freshStream(), noStream, someEvents(2)),
    ]);
    disk.broken = false;
    await new Promise((resolve) => setTimeout(resolve, 10));
    const later = await log.append(freshStream(), noStream, someEvents(1)).catch((error) => error);
    for (const result of results)
      expect((result as PromiseRejectedResult).reason).toBeInstanceOf(UnavailableError);
    expect(later).toBeInstanceOf(UnavailableError);
    expect(later.message).toContain('disk I/O error');
    expect(log.failed()).toBe(later);
    expect(failures).toEqual([later]);
  });

  it('refuses what was queued behind the transaction that failed, too', async () => {
    const { log, disk } = breakable(logs.path());
    disk.broken = true;
    const results = await Promise.allSettled(
      Array.from({ length: 3 }, () => log.append(freshStream(), noStream, someEvents(1_500))),
    );
    for (const result of results)
      expect((result as PromiseRejectedResult).reason).toBeInstanceOf(UnavailableError);
  });

  it('goes on reading what was synced, and shows nobody what was not', async () => {
    const { log, disk } = breakable(logs.path());
    const [old, fresh] = [freshStream(), freshStream()];
    const synced = someEvents(2);
    await log.append(old, noStream, synced);
    const seen: string[] = [];
    log.follow(0, 10, (records) => void seen.push(...idsOf(records)));
    disk.broken = true;
    await Promise.allSettled([
      log.append(old, 1, someEvents(1)),
      log.append(fresh, noStream, someEvents(1)),
      log.append(old, 2, someEvents(1)),
    ]);
    expect(await log.headOf(old)).toBe(1);
    expect(await log.headOf(fresh)).toBe(noStream);
    expect(idsOf(await log.readStream(old))).toEqual(idsOf(synced));
    expect(await log.readStream(fresh)).toEqual([]);
    expect(idsOf(await log.readAll(0, 10))).toEqual(idsOf(synced));
    expect([await log.head(), log.headNow()]).toEqual([2, 2]);
    await until(() => seen.length === 2);
    expect(seen).toEqual(idsOf(synced));
  });

  it('does not say conflict to the loser when the commit of the winner fails', async () => {
    const { log, disk } = breakable(logs.path());
    const stream = freshStream();
    disk.broken = true;
    const [winner, loser] = await Promise.allSettled([
      log.append(stream, noStream, someEvents(1)),
      log.append(stream, noStream, someEvents(1)),
    ]);
    expect((winner as PromiseRejectedResult).reason).toBeInstanceOf(UnavailableError);
    expect((loser as PromiseRejectedResult).reason).toBeInstanceOf(UnavailableError);
  });

  it('takes appends again once it is opened anew, the refused ones included', async () => {
    const path = logs.path();
    const { log, disk } = breakable(path);
    const stream = freshStream();
    await log.append(stream, noStream, someEvents(1));
    const refused = someEvents(2);
    disk.broken = true;
    await expect(log.append(stream, 0, refused)).rejects.toBeInstanceOf(UnavailableError);
    await log.close();
    const again = logs.open(path);
    expect(again.failed()).toBeUndefined();
    expect(await again.append(stream, 0, refused)).toMatchObject({ revision: 2, position: 3 });
  });

  it('refuses when its disk is full, loses nothing, and goes on when there is room', async () => {
    const path = logs.path();
    const full = logs.open(path, { maxPageCount: 60 });
    const acknowledged: string[] = [];
    const append = async () => {
      const event = anEvent('n'.repeat(1_000));
      await full.append(freshStream(), noStream, [event]);
      acknowledged.push(event.id);
    };
    let refusal: unknown;
    while (refusal === undefined) await append().catch((error) => (refusal = error));
    expect(refusal).toBeInstanceOf(UnavailableError);
    expect(String(refusal)).toContain('full');
    expect(idsOf(await full.readAll(0, 10_000))).toEqual(acknowledged);
    await full.close();
    const again = logs.open(path);
    expect(idsOf(await again.readAll(0, 10_000))).toEqual(acknowledged);
    await again.append(freshStream(), noStream, someEvents(1));
    expect(again.headNow()).toBe(acknowledged.length + 1);
  });
});
