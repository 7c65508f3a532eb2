import { describe, expect, it } from '@jest/globals';
import type { Topic } from '@recourse/contracts/registry';
import { pino } from 'pino';
import { virtualClock } from '../../test/virtual-clock.ts';
import { UnavailableError } from '../errors.ts';
import type { Assignment } from './assignment.ts';
import type { OffsetReader, Standing } from './offsets.ts';
import { trackTable } from './tracks.ts';
import { watchGroup } from './watch.ts';

const at = (topic: Topic, committed: number | undefined, high: number): Standing => ({
  topic,
  partition: 0,
  committed,
  low: 0,
  high,
});

/** A group that is watched: what Kafka says of it, and what it says of itself, can be changed. */
const watched = () => {
  const clock = virtualClock();
  const it = {
    movedAt: clock.monotonic(),
    standings: [at('payment.events', 5, 9)] as readonly Standing[],
    current: undefined as Assignment | undefined,
    stuck: [] as Topic[],
  };
  const end = watchGroup({
    group: 'group',
    topics: ['payment.events'],
    offsets: { standing: async () => it.standings } as unknown as OffsetReader,
    clock,
    logger: pino({ level: 'silent' }),
    current: () => it.current,
    movedAt: () => it.movedAt,
    onStuck: (topic) => it.stuck.push(topic),
  });
  return Object.assign(it, { clock, end });
};

/** An assignment of one partition, as far as the watch looks at it. */
const assignment = (held?: string, ready = true) => {
  const tracks = trackTable(new Map([['payment.events', [0]]]));
  return { isReady: () => ready, worker: { tracks, holdsBecause: () => held } } as unknown as Assignment;
};

describe('a group that takes nothing', () => {
  it('is stuck after 45 s where there is something to take, and not before', async () => {
    const group = watched();
    await group.clock.advance(44_000);
    expect(group.stuck).toEqual([]);
    await group.clock.advance(2_000);
    expect(group.stuck).toEqual(['payment.events']);
  });

  it.each<[string, (group: ReturnType<typeof watched>) => void]>([
    ['has taken all there is', (group) => Object.assign(group, { standings: [at('payment.events', 9, 9)] })],
    [
      'is behind in answers alone',
      (group) => Object.assign(group, { standings: [at('order.replies', 5, 9)] }),
    ],
    ['knows why it waits', (group) => Object.assign(group, { current: assignment('the log is away') })],
    [
      'still takes up its partitions',
      (group) => Object.assign(group, { current: assignment(undefined, false) }),
    ],
  ])('is not stuck where it %s', async (_, change) => {
    const group = watched();
    change(group);
    await group.clock.advance(200_000);
    expect(group.stuck).toEqual([]);
  });

  it('is not stuck when the first message after a long silence has just come', async () => {
    const group = watched();
    group.standings = [at('payment.events', 9, 9)];
    await group.clock.advance(200_000);
    group.standings = [at('payment.events', 9, 10)];
    await group.clock.advance(16_000);
    expect(group.stuck).toEqual([]);
    group.movedAt = group.clock.monotonic();
    group.standings = [at('payment.events', 10, 10)];
    await group.clock.advance(100_000);
    expect(group.stuck).toEqual([]);
  });

  it('is given its time after Kafka, or what it waited for, is there again', async () => {
    const [cut, held] = [watched(), watched()];
    let away = true;
    Object.defineProperty(cut, 'standings', {
      get: () => {
        if (away) throw new UnavailableError('away');
        return [at('payment.events', 5, 9)];
      },
    });
    held.current = assignment('the log is away');
    for (const group of [cut, held]) await group.clock.advance(100_000);
    away = false;
    held.current = assignment();
    for (const group of [cut, held]) await group.clock.advance(30_000);
    expect([cut.stuck, held.stuck]).toEqual([[], []]);
    for (const group of [cut, held]) await group.clock.advance(30_000);
    expect([cut.stuck[0], held.stuck[0]]).toEqual(['payment.events', 'payment.events']);
  });

  it('is not stuck while Kafka cannot be asked, nor once it is left', async () => {
    const group = watched();
    Object.defineProperty(group, 'standings', {
      get: () => {
        throw new UnavailableError('away');
      },
    });
    await group.clock.advance(100_000);
    const left = watched();
    left.end();
    await left.clock.advance(100_000);
    expect([group.stuck, left.stuck, left.clock.pending()]).toEqual([[], [], 0]);
  });
});
