import { describe, expect, it } from '@jest/globals';
import { StartError, UnavailableError } from '@recourse/infra/errors';
import pino from 'pino';
import { virtualClock } from '../../../test/virtual-clock.ts';
import { reached, type Waiting } from './wait.ts';

describe('waiting at a start', () => {
  const away = () => new UnavailableError('connection refused');

  const open = (changes: Partial<Waiting> = {}) => {
    const clock = virtualClock();
    const said: { readonly msg: string; readonly reason: string }[] = [];
    const logger = pino({ level: 'warn' }, { write: (line: string) => void said.push(JSON.parse(line)) });
    const waiting = { what: 'Kafka at k:9092', variable: 'KAFKA_BROKERS', waitMsMax: 60_000, clock, logger };
    let tries = 0;
    let here = false;
    const attempt = async () => {
      tries += 1;
      if (!here) throw away();
      return 'here';
    };
    return {
      clock,
      said,
      tries: () => tries,
      comes: () => {
        here = true;
      },
      result: reached({ ...waiting, ...changes }, attempt).catch((error: unknown) => error),
    };
  };

  it('goes on as soon as what it waits for is there, and said for what it waited', async () => {
    const { clock, said, comes, result, tries } = open();
    await clock.advance(11_000);
    comes();
    await clock.advance(2_000);
    expect(await result).toBe('here');
    expect(said.map(({ msg }) => msg)).toEqual(Array(3).fill('waiting for Kafka at k:9092'));
    expect(said[0]!.reason).toBe('connection refused');
    // More seldom with time, so that what comes up is not run down.
    expect(tries()).toBeLessThan(12);
  });

  it('gives up when its time is over, and names what, why and the settings', async () => {
    const { clock, result } = open();
    await clock.advance(60_000);
    const error = await result;
    expect(error).toBeInstanceOf(StartError);
    expect(error).toMatchObject({
      code: 'not-reached',
      message: expect.stringMatching(
        /^Kafka at k:9092 was not reached within 60000 ms \(START_WAIT_MS_MAX\): connection refused\. Check KAFKA_BROKERS/,
      ),
    });
    expect(clock.pending()).toBe(0);
  });

  it('tries once where it may not wait at all', async () => {
    const { result, tries } = open({ waitMsMax: 0 });
    expect(await result).toMatchObject({ code: 'not-reached' });
    expect(tries()).toBe(1);
  });

  it('is given up by its signal', async () => {
    const giveUp = new AbortController();
    const { clock, result } = open({ signal: giveUp.signal });
    await clock.advance(3_000);
    giveUp.abort();
    await clock.advance(0);
    expect(await result).toBeInstanceOf(UnavailableError);
    expect(clock.pending()).toBe(0);
  });

  it('waits for nothing that no waiting heals', async () => {
    const refused = new StartError('kafka-refused', 'Kafka refuses us');
    const { clock } = open();
    const waiting = {
      what: 'it',
      variable: 'IT',
      waitMsMax: 60_000,
      clock,
      logger: pino({ level: 'silent' }),
    };
    await expect(reached(waiting, () => Promise.reject(refused))).rejects.toBe(refused);
  });
});
