import { describe, expect, it } from '@jest/globals';
import type { DomainEvent } from '@recourse/contracts/events';
import type { CommandId } from '@recourse/contracts/ids';
import { keepingLogger, nthCommand, openRoom, orderId } from '../test/participant-kit.ts';
import { virtualClock } from '../test/virtual-clock.ts';
import { type Attempt, threeMoves } from './act.ts';
import { type Decider, deciderStore } from './decider.ts';

type Asked = { readonly type: 'Ask'; readonly id: CommandId };
type Command = Asked | { readonly type: 'Answered' };
type Event = DomainEvent<'ShipmentCancellationStarted' | 'ShipmentCancelled'>;
type State = 'none' | 'open' | 'done';

const commandId = nthCommand(1);

/** The smallest decider with an act outside; `forgetful` never takes an answer. */
const deciderOf = (forgetful = false): Decider<State, Command, Event> => ({
  initial: 'none',
  decide: (command, state) => {
    if (command.type === 'Ask')
      return state === 'none' ? [{ type: 'ShipmentCancellationStarted', data: { commandId } }] : [];
    return state === 'open' && !forgetful
      ? [{ type: 'ShipmentCancelled', data: { commandId, nothing: false } }]
      : [];
  },
  evolve: (_state, event) => (event.type === 'ShipmentCancelled' ? 'done' : 'open'),
});

const inRoom = async (
  perform: (attempt: Attempt) => Promise<unknown>,
  check: (act: () => Promise<string>, room: ReturnType<typeof openRoom>, lines: unknown[]) => Promise<void>,
  forgetful = false,
) => {
  const room = openRoom();
  const { logger, lines } = keepingLogger();
  const store = deciderStore(room.log, 'shipping', deciderOf(forgetful));
  const act = threeMoves<State, Command, Event, Asked, 'call'>({
    store,
    pendingAct: (state) => (state === 'open' ? 'call' : undefined),
    perform: async (_act, _orderId, attempt) => {
      await perform(attempt);
      return { type: 'Answered' };
    },
    clock: virtualClock(),
    logger,
  });
  try {
    await check(() => act(orderId, { type: 'Ask', id: commandId }), room, lines);
  } finally {
    await room.dispose();
  }
};

describe('three moves', () => {
  it('has the intent in the log before it calls', () =>
    inRoom(
      async () => undefined,
      async (act, room) => {
        expect(await act()).toBe('answered');
        expect(await room.types('shipping')).toEqual(['ShipmentCancellationStarted', 'ShipmentCancelled']);
      },
    ));

  for (const [how, port] of [
    ['rejects', () => Promise.reject(Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' }))],
    [
      'throws',
      () => {
        throw Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' });
      },
    ],
  ] as const)
    it(`takes a call that ${how} for an unknown outcome, and says why`, () =>
      inRoom(
        (attempt) => attempt(port),
        async (act, room, lines) => {
          expect(await act()).toBe('no-answer');
          expect(await room.types('shipping')).toEqual(['ShipmentCancellationStarted']);
          expect(lines).toMatchObject([{ level: 40, orderId, reason: 'no route', code: 'EHOSTUNREACH' }]);
          expect(JSON.stringify(lines)).not.toContain('    at ');
        },
      ));

  it('says why where what was thrown is no error', () =>
    inRoom(
      (attempt) => attempt(() => Promise.reject(null)),
      async (act, _room, lines) => {
        expect(await act()).toBe('no-answer');
        expect(lines).toMatchObject([{ reason: 'the call failed' }]);
      },
    ));

  it('takes what fails on this side of the call for what it is', () =>
    inRoom(
      () => Promise.reject(new Error('a bug')),
      async (act, room) => {
        await expect(act()).rejects.toThrow('a bug');
        expect(await room.types('shipping')).toEqual(['ShipmentCancellationStarted']);
      },
    ));

  it('does not call for ever', () => {
    let calls = 0;
    return inRoom(
      async () => {
        calls += 1;
      },
      async (act) => {
        await expect(act()).rejects.toThrow('still asks for calls after 8');
        expect(calls).toBe(8);
      },
      true,
    );
  });
});
