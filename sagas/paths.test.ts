import { describe, expect, it } from '@jest/globals';
import type { CommandName } from '@recourse/contracts/commands';
import fc from 'fast-check';
import type { Heard } from './history.ts';
import { type SagaVersion, sagaVersions } from './machines.ts';
import { migrated } from './migrate.ts';
import { rerun } from './rerun.ts';
import { type Advance, accepted, type SagaInput, type SagaState, step } from './step.ts';
import { facts, input, timer, times } from './testing/ways.ts';

/**
 * Ways that participants, customers, persons and timers may take together: each answers only what it was asked. What
 * was done outside is kept beside the saga, so that its end can be held against it.
 */

/** The money, the reservation, the parcel. */
type Outside = {
  readonly money: 'none' | 'authorized' | 'captured';
  readonly reserved: boolean;
  readonly gone: boolean;
};
type World = {
  version: SagaVersion;
  state: SagaState;
  readonly heard: Heard[];
  readonly asked: Set<string>;
  outside: Outside;
};

const nothing: Outside = { money: 'none', reserved: false, gone: false };

/** What each command may be answered with, and what that says of the outside. */
const answers: Record<CommandName, Record<string, Partial<Outside>>> = {
  ProcessPayment: { PaymentProcessed: { money: 'captured' }, PaymentFailed: {} },
  AuthorizePayment: {
    PaymentAuthorized: { money: 'authorized' },
    PaymentProcessed: { money: 'captured' },
    AuthorizationFailed: {},
  },
  CapturePayment: { PaymentCaptured: { money: 'captured' } },
  VoidPayment: { PaymentVoided: { money: 'none' } },
  RefundPayment: { PaymentRefunded: { money: 'none' } },
  ReserveInventory: { InventoryReserved: { reserved: true }, InventoryFailed: {} },
  ReleaseInventory: { InventoryReleased: { reserved: false } },
  ShipOrder: { OrderShipped: { gone: true }, ShippingFailed: {} },
  CancelShipment: {
    ShipmentCancelled: {},
    ShipmentCancellationRefused: { gone: true },
  },
  CompleteOrder: { OrderCompleted: {} },
  CancelOrder: { OrderCancelled: {} },
};

const moves = [
  'answer',
  'second answer',
  'third answer',
  'cancel',
  'ask',
  'ask, queued',
  'ask, overdue',
  'deadline',
  'retry',
  'noise',
];

/** How many answers bring any saga to its end. */
const answersMax = 12;

const begin = (version: SagaVersion): World => ({
  version,
  heard: [],
  state: accepted,
  asked: new Set(),
  outside: nothing,
});

const take = (world: World, heard: SagaInput, advance: Advance | undefined) => {
  if (advance === undefined) return;
  for (const { id, type } of advance.commands) {
    expect(id).toBe(advance.state.context.outstanding?.commandId);
    if (world.asked.has(id)) continue;
    world.asked.add(id);
    fits(world, type);
  }
  // As the log keeps them.
  world.heard.push(JSON.parse(JSON.stringify({ input: heard, advance })));
  world.state = world.heard.at(-1)!.advance.state;
  world.version = advance.machine.version as SagaVersion;
};

const hear = (world: World, heard: SagaInput) =>
  take(world, heard, step(world.state, heard, facts, times, world.version));

/** Nothing is asked for that the outside does not call for. */
const fits = ({ outside }: World, type: CommandName) => {
  const { money, gone } = outside;
  if (type === 'CapturePayment') expect({ money, gone }).toEqual({ money: 'authorized', gone: true });
  if (type === 'CompleteOrder') expect({ money, gone }).toEqual({ money: 'captured', gone: true });
  if (type === 'RefundPayment') expect(money).not.toBe('authorized');
  if (type === 'VoidPayment') expect(money).not.toBe('captured');
  if (type === 'CancelOrder') expect(outside).toEqual(nothing);
};

const answer = (world: World, which: number) => {
  const { outstanding } = world.state.context;
  if (outstanding === undefined) return hear(world, input('OrderCreated'));
  const known = Object.entries(answers[outstanding.type]);
  const [type, happens] = known[Math.min(which, known.length - 1)]!;
  world.outside = { ...world.outside, ...happens };
  hear(world, input(type, { data: { commandId: outstanding.commandId } }));
};

/** A wish to go on as the other version, granted or not. */
const migrate = (world: World) => {
  const data = { from: world.version, to: world.version === 1 ? 2 : 1, atRevision: world.heard.length - 1 };
  const wish = input('SagaMigrationRequested', { data });
  const moved = migrated(world.heard, facts, wish);
  if (!('advance' in moved)) return;
  expect(moved.advance).toMatchObject({ commands: [], timers: { set: [], cancelled: [] } });
  expect(moved.advance.state.context.outstanding).toEqual(world.state.context.outstanding);
  take(world, wish, moved.advance);
};

const make = (world: World, move: string) => {
  const { askTimer, deadlineTimer } = world.state.context;
  switch (move) {
    case 'answer':
      return answer(world, 0);
    case 'second answer':
      return answer(world, 1);
    case 'third answer':
      return answer(world, 2);
    case 'cancel':
      // Shipping alone decides: once the parcel is gone the order takes no more wishes.
      return world.outside.gone ? undefined : hear(world, input('OrderCancellationRequested'));
    case 'deadline':
      return hear(world, timer(deadlineTimer));
    case 'retry':
      return hear(world, input('RetryRequested'));
    case 'noise':
      return hear(world, { ...input('InventoryReserved'), revision: -1 });
    case 'migrate':
      return migrate(world);
    default:
      return hear(world, timer(askTimer, move !== 'ask, queued', move === 'ask, overdue'));
  }
};

/** Goes any way, then on to the end; whether and where it moved to another version. */
const goesWell = (version: SagaVersion, way: readonly string[]) => {
  const world = begin(version);
  for (const move of way) make(world, move);
  for (let left = 0; world.state.status !== 'done' && left < answersMax; left += 1) answer(world, 0);
  const { value, status, context } = world.state;
  expect(status).toBe('done');
  expect(context.outstanding).toBeUndefined();
  expect(world.outside).toEqual(
    value === 'completed' ? { money: 'captured', reserved: true, gone: true } : nothing,
  );
  expect(rerun(world.heard, facts)).toBeUndefined();
  return world.heard.flatMap(({ input: { type, data } }) =>
    type === 'SagaMigrationRequested' ? [data as { from: number; to: number }] : [],
  );
};

const ways = (...more: readonly string[]) => fc.array(fc.constantFrom(...moves, ...more), { maxLength: 60 });

describe('any way that participants, customers, persons and timers take together', () => {
  it.each(sagaVersions)('comes to an end that the outside agrees with, by version %i', (version) => {
    fc.assert(
      fc.property(ways(), (way) => {
        expect(goesWell(version, way)).toEqual([]);
      }),
      { numRuns: 400, seed: 1 },
    );
  });

  it.each(sagaVersions)('does so, too, where the saga moves between versions, from version %i', (version) => {
    const moved = new Map<string, number>();
    fc.assert(
      fc.property(ways('migrate', 'migrate', 'migrate'), (way) => {
        for (const { from, to } of goesWell(version, way))
          moved.set(`${from}→${to}`, (moved.get(`${from}→${to}`) ?? 0) + 1);
      }),
      { numRuns: 400, seed: 1 },
    );
    expect([...moved.keys()].toSorted()).toEqual(['1→2', '2→1']);
  });
});
