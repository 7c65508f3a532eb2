import { describe, expect, it } from '@jest/globals';
import type { CommandName } from '@recourse/contracts/commands';
import type { TimerId } from '@recourse/contracts/ids';
import { asksMax, undoAsksFlagged } from './chart-parts.ts';
import { machines, sagaVersions } from './machines.ts';
import { accepted, type SagaState, step } from './step.ts';
import * as kit from './testing/ways.ts';
import { categories, facts, heard, input, stateOf, timer, times, ways } from './testing/ways.ts';

const events = [...Object.keys(categories), 'RetryRequested'];

describe.each(sagaVersions)('every state of version %i has an answer to every event', (version) => {
  const names = Object.keys(ways[version]);
  const pairs = names.flatMap((name) => events.map((event) => [name, event] as const));

  it('knows every state and event of the chart', () => {
    const { states } = machines[version];
    expect([...new Set(names.map(stateOf))].toSorted()).toEqual(Object.keys(states).toSorted());
    const known: readonly string[] = [...events, 'AskDue', 'DeadlinePassed'];
    expect(known).toEqual(expect.arrayContaining(machines[version].events));
  });

  it.each(pairs)('%s hears %s', (name, event) => {
    const state = kit.after(version, ...ways[version][name]!);
    expect(state.value).toBe(stateOf(name));
    // A cancellation that was heard on the way there changes nothing when it comes again.
    const repeated = event === 'OrderCancellationRequested' && state.context.cancelRequested === true;
    const expected = repeated ? [stateOf(name)] : heard[version][name]![event];
    const advance = step(state, input(event), facts, times, version);
    if (expected === undefined) return expect(advance).toBeUndefined();
    expect([
      advance?.state.value ?? stateOf(name),
      ...(advance?.commands.map(({ type }) => type) ?? []),
    ]).toEqual(expected);
    expect(advance?.machine.version ?? version).toBe(version);
  });
});

const undoOf: Record<string, readonly [string, CommandName, string]> = {
  paying: ['refunding', 'RefundPayment', 'payment-unknown'],
  authorizing: ['voiding', 'VoidPayment', 'payment-unknown'],
  reserving: ['releasing', 'ReleaseInventory', 'inventory-unknown'],
  shipping: ['cancellingShipment', 'CancelShipment', 'shipping-unknown'],
};

describe.each(sagaVersions)('asking again, version %i', (version) => {
  const ended = ['accepted', 'completed', 'cancelled'];
  const open = Object.keys(ways[version]).filter((name) => !ended.includes(stateOf(name)));
  const after = (...types: readonly string[]) => kit.after(version, ...types);
  const askAgain = (state: SagaState, started = true, overdue = false) =>
    kit.askAgain(state, version, started, overdue);
  const way = ways[version] as Record<string, readonly string[]>;
  const first = stateOf(Object.keys(way)[1]!);

  it.each(open)('%s asks again with the same command id, at growing intervals', (name) => {
    let state = after(...way[name]!);
    const { commandId } = state.context.outstanding!;
    for (const delay of [2_000, 5_000, 10_000, 20_000, 20_000]) {
      const advance = askAgain(state);
      expect(advance.commands.map(({ id }) => id)).toEqual([commandId]);
      expect(advance.timers.set).toEqual([expect.objectContaining({ kind: 'ask', afterMs: delay })]);
      state = advance.state;
    }
    const last = askAgain(state);
    const undo = undoOf[stateOf(name)];
    if (undo === undefined) expect(last.commands[0]!.id).toBe(commandId);
    else {
      expect([last.state.value, last.commands[0]!.type, last.state.context.because]).toEqual(undo);
      expect(last.commands[0]!.id).not.toBe(commandId);
    }
  });

  it.each(open)(
    '%s does not count an ask that was overdue, nor one whose command is still queued',
    (name) => {
      let state = after(...way[name]!);
      for (let round = 0; round < asksMax * 3; round += 1) {
        state = askAgain(state, round % 2 === 0, true).state;
        expect(state.value).toBe(stateOf(name));
      }
      const first = askAgain(state, false);
      expect(first.commands).toEqual([]);
      expect(first.timers.set[0]!.afterMs).toBe(20_000);
      for (let round = 0; round < asksMax * 3; round += 1) {
        const again = askAgain(round === 0 ? first.state : state, false);
        expect(again.commands.map(({ id }) => id)).toEqual([state.context.outstanding!.commandId]);
        expect(again.timers.set[0]!.afterMs).toBe(20_000);
        state = again.state;
        expect(state.value).toBe(stateOf(name));
      }
    },
  );

  it.each(open)('%s is flagged, and goes on, when its deadline passes', (name) => {
    const state = after(...way[name]!);
    const advance = step(state, timer(state.context.deadlineTimer), facts, times, version)!;
    expect(advance.state.value).toBe(stateOf(name));
    expect(advance.state.context.flags).toEqual(['deadline']);
    expect(advance.commands).toEqual([]);
  });

  it('flags an undo that was asked often, and asks it for ever', () => {
    let state = after(...way.refunding!);
    for (let asks = 1; asks <= undoAsksFlagged + 5; asks += 1) {
      state = askAgain(state).state;
      expect(state.context.flags).toEqual(asks < undoAsksFlagged ? undefined : ['asked-often']);
    }
    expect(state.value).toBe('refunding');
  });

  it('asks ever more seldom once a person has been called, until that person has it asked anew', () => {
    let state = after(...way.refunding!);
    const delays: number[] = [];
    for (let asks = 0; asks < 15; asks += 1) {
      const advance = askAgain(state);
      delays.push(advance.timers.set[0]!.afterMs / 1_000);
      state = advance.state;
    }
    expect(delays).toEqual([2, 5, 10, 20, 20, 20, 20, 20, 40, 80, 160, 320, 600, 600, 600]);
    const anew = step(state, input('RetryRequested'), facts, times, version)!;
    expect(anew.timers.set[0]!.afterMs).toBe(1_000);
  });

  it('never takes a capture back, however long nobody answers', () => {
    let state = after(...(way.capturing ?? way.completing!));
    for (let asks = 0; asks < undoAsksFlagged + asksMax; asks += 1) state = askAgain(state).state;
    expect(state).toMatchObject({
      value: stateOf(way.capturing === undefined ? 'completing' : 'capturing'),
      context: { flags: ['asked-often'] },
    });
    state = step(state, input('OrderCancellationRequested'), facts, times, version)!.state;
    expect(state.context).toMatchObject({ cancelRequested: true });
    expect(state.context.because).toBeUndefined();
  });

  it('ignores a timer that is not set any more', () => {
    const before = after(...way[first]!);
    const state = after(...way.reserving!);
    expect(step(state, timer(before.context.askTimer), facts, times, version)).toBeUndefined();
    expect(step(state, timer('unknown' as TimerId), facts, times, version)).toBeUndefined();
  });
});

describe('a step', () => {
  const after = (...types: readonly string[]) => kit.after(1, ...types);
  const way = ways[1] as Record<string, readonly string[]>;

  it('sums the lines of one SKU', () => {
    const advance = step(after('OrderCreated'), input('PaymentProcessed'), facts, times, 1)!;
    expect(advance.commands[0]!.data).toEqual({
      lines: [
        { sku: 'A', quantity: 4 },
        { sku: 'B', quantity: 2 },
      ],
    });
  });

  it('gives the same ids for the same input, and others for other data', () => {
    const created = input('OrderCreated');
    const once = step(accepted, created, facts, times, 1)!;
    expect(step(accepted, created, facts, times, 1)).toEqual(once);
    const dearer = step(accepted, created, { ...facts, total: 1_501 }, times, 1)!;
    expect(dearer.commands[0]!.id).not.toBe(once.commands[0]!.id);
  });

  it('ignores what is not newer than the last revision heard of its stream', () => {
    const state = after(...way.reserving!);
    const old = input('PaymentFailed', { revision: state.context.sequence.payment! });
    expect(step(state, old, facts, times, 1)).toBeUndefined();
  });

  it('flags a late answer and decides nothing by it', () => {
    const late = step(
      after(...way.paying!),
      input('PaymentProcessed', { data: { late: true } }),
      facts,
      times,
      1,
    )!;
    expect(late.state.value).toBe('paying');
    expect(late.state.context.flags).toEqual(['late-answer']);
    expect(late.commands).toEqual([]);
  });

  it('cancels every timer with its last step, and waits for nothing more', () => {
    const state = after(...way.completing!);
    const last = step(state, input('OrderCompleted'), facts, times, 1)!;
    expect(last.timers).toEqual({
      set: [],
      cancelled: [state.context.askTimer, state.context.deadlineTimer],
    });
    expect(last.state).toEqual({
      value: 'completed',
      status: 'done',
      context: { sequence: expect.anything() },
    });
  });

  it('remembers why it goes back, and forgets it when it must go forward', () => {
    const back = after(...way.cancellingShipment!);
    expect(back.context.because).toBe('customer-cancelled');
    const forward = step(back, input('ShipmentCancellationRefused'), facts, times, 1)!;
    expect(forward.state.context.because).toBeUndefined();
    expect(forward.state.context.cancelRequested).toBe(true);
  });

  it('restores what JSON has kept', () => {
    const state = JSON.parse(JSON.stringify(after(...way.shipping!))) as SagaState;
    expect(step(state, input('OrderShipped'), facts, times, 1)!.state.value).toBe('completing');
  });
});
