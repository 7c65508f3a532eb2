import { describe, expect, it } from '@jest/globals';
import type { OrderId } from '@recourse/contracts/ids';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { sagaVersions } from './machines.ts';
import { after, heard, stateOf, ways } from './testing/ways.ts';
import { sagaView } from './view.ts';

const orderId = '0192f0a0-0000-7000-8000-000000000001' as OrderId;
const created = { type: 'OrderCreated', time: 0 } as RecordedEvent<'OrderCreated'>;

const viewOf = (state: ReturnType<typeof after>, version: number, begun = true) =>
  sagaView({
    orderId,
    created,
    advances: begun
      ? [
          {
            revision: 0,
            time: 0,
            data: {
              input: { id: orderId, type: 'OrderCreated', category: 'order', revision: 0 },
              machine: { name: 'order-saga', version },
              state,
              commands: [],
              timers: { set: [], cancelled: [] },
            },
          } as unknown as RecordedEvent<'SagaAdvanced'>,
        ]
      : [],
    startsOn: version,
    now: 0,
    deadlineMs: 300_000,
    stuckAfterMs: 60_000,
    hasDeadLetter: false,
    hasLateAnswer: false,
  });

describe.each(sagaVersions)('what a saga of version %i could hear next', (version) => {
  it.each(Object.keys(ways[version]))('in %s is what its chart would make of it', (name) => {
    const state = after(version, ...ways[version][name]!);
    const { next } = viewOf(state, version, stateOf(name) !== 'accepted');
    const answers = next.filter(({ event }) => event !== 'TimerFired');
    expect(Object.fromEntries(answers.map(({ event, state: to }) => [event, to]))).toEqual(
      Object.fromEntries(Object.entries(heard[version][name]!).map(([event, [to]]) => [event, to])),
    );
    // One state for each event: whether money was captured is known.
    expect(new Set(answers.map(({ event }) => event)).size).toBe(answers.length);
  });
});

it('a saga that is pinned to a version that this build does not know is shown all the same', () => {
  const state = after(2, ...ways[2].shipping!);
  expect(viewOf(state, 99)).toMatchObject({ machine: { version: 99 }, state: 'shipping', next: [] });
});
