import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { anEvent, freshStream } from '../../../test/contract/event-log/events.ts';
import { describeOnOwnServers, silent } from '../../../test/stack/kit.ts';
import { type Stack, startStack } from '../../../test/stack/stack.ts';
import { StartError, UnavailableError } from '../../errors.ts';
import { type NewEvent, noStream, type RecordedEvent } from '../../ports/event-log.ts';
import { systemClock } from '../../system.ts';
import { openPostgres, type Postgres, type PostgresSettings } from '../connect.ts';
import { migratePostgres } from '../migrate.ts';
import type { PostgresLog } from './log.ts';
import { eventually, openedLogs } from './testing/logs.ts';

const workers = 16;
const rounds = 2;
/** What is promised, and what a busy machine adds. */
const answerMsMax = 10_000 + 5_000;

describeOnOwnServers('the log in a PostgreSQL that goes away', () => {
  let stack: Stack;
  let settings: PostgresSettings;
  let logs: ReturnType<typeof openedLogs>;
  beforeAll(async () => {
    stack = await startStack({ stopped: ['kafka'] });
    const url = stack.environment.POSTGRES_URL;
    settings = { url, schema: 'recourse', connectionsMax: 4, applicationName: 'test' };
    await migratePostgres(settings, silent);
    logs = openedLogs(settings);
  });
  afterEach(() => logs.close());
  afterAll(() => stack?.stop());

  /** Appends one event, again and again as it is until that is answered. */
  const appended = async (
    log: PostgresLog,
    stream: ReturnType<typeof freshStream>,
    at: number,
    event: NewEvent,
  ) => {
    for (;;) {
      try {
        return await log.append(stream, at, [event]);
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };

  it('loses nothing that was acknowledged over kill -9, stores nothing twice, and followers go on by themselves', async () => {
    const log = await logs.open();
    const other = await logs.open();
    const followed: RecordedEvent[][] = [[], []];
    [log, other].forEach((it, index) => {
      it.follow(0, 100, (records) => void followed[index]!.push(...records));
    });
    let over = false;
    const acknowledged: { id: string; position: number }[] = [];
    const work = Array.from({ length: workers }, async (_, worker) => {
      const stream = freshStream();
      for (let at = noStream; !over; at += 1) {
        const event = anEvent();
        const { position } = await appended(worker % 2 === 0 ? log : other, stream, at, event);
        acknowledged.push({ id: event.id, position });
      }
    });
    for (let round = 0; round < rounds; round += 1) {
      const before = acknowledged.length;
      await eventually(() => acknowledged.length > before + 100);
      await stack.postgres.kill();
      await eventually(() => log.problems().length > 0);
      await expect(log.readStream(freshStream())).rejects.toBeInstanceOf(UnavailableError);
      await expect(log.head()).rejects.toBeInstanceOf(UnavailableError);
      await stack.postgres.start();
    }
    const before = acknowledged.length;
    await eventually(() => acknowledged.length > before + 100);
    over = true;
    await Promise.all(work);
    await eventually(() => followed.every((records) => records.length >= acknowledged.length));
    await eventually(() => log.problems().length === 0);

    const positions = Array.from({ length: acknowledged.length }, (_, index) => index + 1);
    expect(acknowledged.map(({ position }) => position).toSorted((a, b) => a - b)).toEqual(positions);
    for (const records of followed) {
      expect(records.map(({ position }) => position)).toEqual(positions);
      for (const { id, position } of acknowledged) expect(records[position - 1]!.id).toBe(id);
    }
  });

  it('is not waited for longer than is said, where it answers nobody: also not for a connection, or behind others', async () => {
    const log = await logs.open();
    const [postgres, other] = [1, 2].map((connectionsMax) =>
      openPostgres({ ...settings, connectionsMax }, { clock: systemClock, logger: silent }),
    ) as [Postgres, Postgres];
    await Promise.all([postgres, other].map((pool) => pool.query('select 1')));
    const [stream, event] = [freshStream(), anEvent()];
    await log.readStream(stream);
    stack.postgres.pause();

    const refusals: Promise<void>[] = [];
    const ask = (asked: Promise<unknown>) => {
      const begun = performance.now();
      const refused = expect(asked).rejects.toBeInstanceOf(UnavailableError);
      refusals.push(refused.then(() => expect(performance.now() - begun).toBeLessThan(answerMsMax)));
    };
    const askAll = (asked: NewEvent) => {
      ask(log.append(stream, noStream, [asked]));
      ask(log.append(freshStream(), noStream, [anEvent()]));
      for (const one of [1, 2, 3]) ask(log.readStream(stream, { max: one }));
      ask(log.readAll(0, 10));
      ask(log.head());
      for (const _ of [1, 2, 3]) ask(postgres.query('select 1'));
      for (const _ of [1, 2, 3]) ask(other.transaction((query) => query('select 1')));
    };
    askAll(event);
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    askAll(anEvent());
    await Promise.all(refusals);

    stack.postgres.resume();
    expect(await postgres.query('select 1 as one')).toEqual([{ one: 1 }]);
    // It may have been stored meanwhile, or may be yet: the same append tells, and stores it once.
    expect(await appended(log, stream, noStream, event)).toMatchObject({ revision: 0 });
    expect((await log.readStream(stream)).map(({ id }) => id)).toEqual([event.id]);
    await Promise.all([postgres, other].map((pool) => pool.close()));
  });

  it.each([
    ['another password', (url: URL) => Object.assign(url, { password: 'secret-7' }), 'POSTGRES_URL'],
    ['a database that is not there', (url: URL) => Object.assign(url, { pathname: '/none' }), 'POSTGRES_URL'],
  ])('is not opened with %s: the error says what to set, and no password', async (_, change, says) => {
    const { href } = change(new URL(settings.url));
    const failure = await openedLogs({ ...settings, url: href })
      .open()
      .catch((error) => error);
    expect(failure).toBeInstanceOf(StartError);
    expect(failure.code).toBe('postgres');
    expect(failure.message).toContain(says);
    for (const secret of ['secret-7', new URL(settings.url).password])
      expect(JSON.stringify([failure.message, failure.stack, failure])).not.toContain(secret);
  });

  it('is not opened without its tables, nor where nobody answers', async () => {
    const bare = await openedLogs({ ...settings, schema: 'bare' })
      .open()
      .catch((error) => error);
    expect(bare).toMatchObject({ name: 'StartError', code: 'postgres' });
    expect(bare.message).toContain('POSTGRES_SCHEMA');
    const url = new URL(settings.url);
    url.port = '9';
    await expect(openedLogs({ ...settings, url: url.href }).open()).rejects.toBeInstanceOf(UnavailableError);
  });
});
