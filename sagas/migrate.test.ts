import { describe, expect, it } from '@jest/globals';
import type { Heard } from './history.ts';
import type { SagaVersion } from './machines.ts';
import { migrated, whereBack, whetherMovable } from './migrate.ts';
import { rerun } from './rerun.ts';
import { accepted, type SagaInput, step } from './step.ts';
import { facts, input, stateOf, timer, times, ways } from './testing/ways.ts';

/** A saga that has heard these, and what it heard. */
const heardBy = (version: SagaVersion, ...types: readonly string[]): Heard[] =>
  types.reduce<Heard[]>((heard, type) => hear(heard, input(type), version), []);

const hear = (heard: readonly Heard[], next: SagaInput, version?: SagaVersion): Heard[] => {
  const before = heard.at(-1)?.advance;
  const pinned = version ?? (before!.machine.version as SagaVersion);
  const advance = step(before?.state ?? accepted, next, facts, times, pinned);
  return advance === undefined ? [...heard] : [...heard, { input: next, advance }];
};

const wish = (heard: readonly Heard[], to: number) =>
  input('SagaMigrationRequested', {
    data: { from: heard.at(-1)!.advance.machine.version, to, atRevision: heard.length - 1 },
  });

/** The same saga, moved. Throws where it cannot. */
const moved = (heard: readonly Heard[], to: number): Heard[] => {
  const next = wish(heard, to);
  const result = migrated(heard, facts, next);
  if ('refusal' in result) throw new Error(result.refusal.why);
  return [...heard, { input: next, advance: result.advance }];
};

const verdict = (heard: readonly Heard[], to: SagaVersion) => {
  const movable = whetherMovable(heard, facts, to);
  return 'refusal' in movable ? movable.refusal.code : movable.state.value;
};

const way = (version: SagaVersion, name: string) => heardBy(version, ...ways[version][name]!);

describe('whether an open saga can go on as another version', () => {
  const to2: Record<string, string> = {
    accepted: 'not-begun',
    paying: 'other-command',
    reserving: 'reserving',
    shipping: 'shipping',
    completing: 'completing',
    cancellingShipment: 'cancellingShipment',
    releasing: 'releasing',
    refunding: 'refunding',
    cancelling: 'cancelling',
    completed: 'ended',
    cancelled: 'ended',
  };
  it.each(Object.entries(to2))('%s of version 1: %s', (name, expected) => {
    expect(verdict(way(1, name), 2)).toBe(expected);
  });

  const to1: Record<string, string> = {
    accepted: 'not-begun',
    authorizing: 'other-command',
    reserving: 'other-command',
    shipping: 'other-command',
    capturing: 'other-command',
    completing: 'other-command',
    cancellingShipment: 'other-command',
    releasing: 'other-command',
    voiding: 'other-command',
    cancelling: 'other-command',
    'reserving, captured': 'reserving',
    'shipping, captured': 'shipping',
    'completing, captured': 'completing',
    'cancellingShipment, captured': 'cancellingShipment',
    'releasing, captured': 'releasing',
    refunding: 'refunding',
    completed: 'ended',
    cancelled: 'ended',
  };
  it.each(Object.entries(to1))('%s of version 2: %s', (name, expected) => {
    expect(verdict(way(2, name), 1)).toBe(expected);
    expect(Object.keys(to1).toSorted()).toEqual(Object.keys(ways[2]).toSorted());
  });

  it('says in a sentence what the other version would wait for', () => {
    const movable = whetherMovable(way(1, 'paying'), facts, 2);
    expect(movable).toMatchObject({
      refusal: {
        why: 'it waits for ProcessPayment; version 2 would wait for AuthorizePayment, in authorizing',
      },
    });
  });

  it('not where it is there already', () => {
    expect(verdict(way(1, 'shipping'), 1)).toBe('there-already');
  });

  it('not where the other version would have asked with other data', () => {
    const heard = way(1, 'shipping');
    const movable = whetherMovable(heard, { ...facts, country: 'Spain' }, 2);
    expect(movable).toMatchObject({ refusal: { code: 'other-command-id' } });
  });

  it('not where the other version would wait for other timers', () => {
    const heard = way(1, 'shipping');
    const { advance, input: last } = heard.at(-1)!;
    const { askTimer: _, ...context } = advance.state.context;
    const without = { input: last, advance: { ...advance, state: { ...advance.state, context } } };
    expect(verdict([...heard.slice(0, -1), without], 2)).toBe('other-timers');
  });

  it('not where the other version would have ended', () => {
    const heard = way(1, 'shipping');
    const end = way(1, 'completed').slice(-2);
    const { advance } = heard.at(-1)!;
    const odd = end.map((it) => ({ ...it, advance }));
    expect(verdict([...heard, ...odd], 2)).toBe('would-have-ended');
  });
});

describe('a migration', () => {
  it('issues nothing, sets and cancels nothing, and hears its wish as the last of its stream', () => {
    const heard = moved(way(1, 'shipping'), 2);
    const { advance, input: last } = heard.at(-1)!;
    expect(advance).toMatchObject({
      machine: { version: 2 },
      commands: [],
      timers: { set: [], cancelled: [] },
    });
    expect(advance.state.context.sequence['saga-input']).toBe(last.revision);
    expect(advance.state.context.captured).toBe(true);
    expect(advance.state.context.askTimer).toBe(heard.at(-2)!.advance.state.context.askTimer);
  });

  it('keeps how often the command was asked, that it is queued, and the flags', () => {
    let heard = way(1, 'refunding');
    for (let asks = 0; asks < 9; asks += 1)
      heard = hear(heard, timer(heard.at(-1)!.advance.state.context.askTimer));
    heard = hear(heard, timer(heard.at(-1)!.advance.state.context.askTimer, false));
    heard = hear(heard, input('PaymentRefunded', { data: { late: true } }));
    const { outstanding, flags } = heard.at(-1)!.advance.state.context;
    expect([outstanding!.asks, outstanding!.queued, flags]).toEqual([
      9,
      true,
      ['asked-often', 'late-answer'],
    ]);
    expect(moved(heard, 2).at(-1)!.advance.state.context).toMatchObject({ outstanding, flags });
  });

  it('keeps the last revision heard of each stream, also of what the other version would not have heard', () => {
    const heard = way(1, 'shipping');
    const { advance, input: last } = heard.at(-1)!;
    const sequence = { ...advance.state.context.sequence, shipping: 3 };
    const state = { ...advance.state, context: { ...advance.state.context, sequence } };
    const ahead = [...heard.slice(0, -1), { input: last, advance: { ...advance, state } }];
    expect(moved(ahead, 2).at(-1)!.advance.state.context.sequence).toMatchObject(sequence);
  });

  it('goes on by the other chart', () => {
    const heard = hear(moved(way(1, 'reserving'), 2), input('InventoryFailed'));
    expect(heard.at(-1)!.advance).toMatchObject({
      machine: { version: 2 },
      state: { value: 'refunding' },
      commands: [{ type: 'RefundPayment' }],
    });
  });

  it('does not come about where the saga has taken another step, or is of another version', () => {
    const before = way(1, 'shipping');
    const late = wish(before, 2);
    const after = hear(before, input('OrderCancellationRequested'));
    for (const [heard, asked] of [
      [after, late],
      [before, input('SagaMigrationRequested', { data: { from: 2, to: 1, atRevision: before.length - 1 } })],
      [[], late],
    ] as const)
      expect(migrated(heard, facts, asked)).toMatchObject({ refusal: { code: 'moved-on' } });
  });

  it('to a version that this build does not know is no refusal: it cannot be understood', () => {
    const heard = way(1, 'shipping');
    expect(() => migrated(heard, facts, wish(heard, 99))).toThrow('order-saga version 99 is not known');
  });
});

describe('undoing a migration', () => {
  it('puts back what was there before, but for the wishes heard since', () => {
    const before = way(1, 'shipping');
    const back = moved(moved(before, 2), 1).at(-1)!.advance;
    const { sequence: _, ...context } = back.state.context;
    const { sequence: __, ...contextBefore } = before.at(-1)!.advance.state.context;
    expect({ ...back.state, context }).toEqual({
      ...before.at(-1)!.advance.state,
      context: contextBefore,
    });
  });

  it('is possible whatever a replay would say', () => {
    const there = moved(way(1, 'shipping'), 2);
    const otherwise = { ...facts, country: 'Spain' };
    expect(whetherMovable(way(1, 'shipping'), otherwise, 2)).toHaveProperty('refusal');
    expect(whetherMovable(there, otherwise, 1)).toMatchObject({ state: { value: 'shipping' } });
  });

  it('is possible until the next step, once, and again after another migration', () => {
    const before = way(1, 'shipping');
    expect(whereBack(before)).toBeUndefined();
    const there = moved(before, 2);
    expect(whereBack(there)).toMatchObject({ to: 1 });
    const back = moved(there, 1);
    expect(whereBack(back)).toBeUndefined();
    expect(whereBack(moved(back, 2))).toMatchObject({ to: 1 });
    expect(whereBack(hear(there, input('OrderShipped')))).toBeUndefined();
  });

  it('needs the last steps alone', () => {
    const there = moved(moved(moved(way(1, 'shipping'), 2), 1), 2);
    expect(whereBack(there.slice(2))).toEqual(whereBack(there));
  });
});

describe('re-running a saga', () => {
  it.each(
    ([1, 2] as const).flatMap((version) =>
      Object.keys(ways[version]).map((name) => [version, name] as const),
    ),
  )('finds every step as it was: version %i, %s', (version, name) => {
    const heard = way(version, name);
    expect(rerun(heard, facts)).toBeUndefined();
    expect(stateOf(name)).toBe(heard.at(-1)?.advance.state.value ?? 'accepted');
  });

  it('does not mind other delays, or another version of a command', () => {
    const heard = way(1, 'shipping').map(({ input: it, advance }) => ({
      input: it,
      advance: {
        ...advance,
        commands: advance.commands.map((command) => ({ ...command, version: 7 })),
        timers: { ...advance.timers, set: advance.timers.set.map((set) => ({ ...set, afterMs: 42 })) },
      },
    }));
    expect(rerun(heard, facts)).toBeUndefined();
  });

  it.each([
    ['state', { state: { value: 'completing', status: 'active', context: { sequence: {} } } }],
    ['version', { machine: { name: 'order-saga', version: 1 } }],
    ['commands', { commands: [] }],
    ['timers', { timers: { set: [], cancelled: [] } }],
  ] as const)('finds a step whose %s is another, and names it', (what, changes) => {
    const heard = way(2, 'shipping');
    const broken = heard.map((it, index) =>
      index === 2 ? { ...it, advance: { ...it.advance, ...changes } as Heard['advance'] } : it,
    );
    expect(rerun(broken, facts)).toMatchObject({
      revision: 2,
      state: 'reserving',
      heard: 'InventoryReserved',
      what,
    });
  });

  it('finds a step that the machine would not take at all', () => {
    const heard = way(1, 'reserving');
    const stray = { input: input('OrderShipped'), advance: heard.at(-1)!.advance };
    expect(rerun([...heard, stray], facts)).toMatchObject({ revision: 2, what: 'state', found: null });
  });

  it('finds a migration that had to be refused, and one that led elsewhere', () => {
    const paying = way(1, 'paying');
    const asked = wish(paying, 2);
    const forced = { input: asked, advance: { ...moved(way(1, 'shipping'), 2).at(-1)!.advance } };
    expect(rerun([...paying, forced], facts)).toMatchObject({ revision: 1, found: null });
    const there = moved(way(1, 'shipping'), 2);
    const { input: last, advance } = there.at(-1)!;
    const elsewhere = {
      input: last,
      advance: { ...advance, state: { ...advance.state, value: 'reserving' } },
    };
    expect(rerun([...there.slice(0, -1), elsewhere], facts)).toMatchObject({ revision: 3, what: 'state' });
  });
});
