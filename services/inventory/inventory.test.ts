import { describe, expect, it } from '@jest/globals';
import type { CommandId, Sku } from '@recourse/contracts/ids';
import {
  type Inventory,
  type InventoryCommand,
  type InventoryEvent,
  inventory,
  type NotedLine,
} from './inventory.ts';

const reserveId = '11111111-1111-5111-8111-111111111111' as CommandId;
const releaseId = '22222222-2222-5222-8222-222222222222' as CommandId;

const line = (sku: string, quantity: number, revision: number, onHand: number): NotedLine => ({
  sku: sku as Sku,
  quantity,
  revision,
  onHand,
});

const lines = [
  { sku: 'cup' as Sku, quantity: 2, revision: 4 },
  { sku: 'pot' as Sku, quantity: 1, revision: 0 },
];
const short = [{ sku: 'pot' as Sku, requested: 1, onHand: 0, reason: 'insufficient-stock' as const }];

const reserve: InventoryCommand = {
  type: 'ReserveInventory',
  id: reserveId,
  lines: [line('cup', 2, 4, 7), line('pot', 1, 0, 1)],
};
const release: InventoryCommand = { type: 'ReleaseInventory', id: releaseId, revisions: [9, 3] };
const allTaken: InventoryCommand = { type: 'RecordTakes', shortages: [] };
const potShort: InventoryCommand = { type: 'RecordTakes', shortages: short };
const allReturned: InventoryCommand = { type: 'RecordReturns' };

const started: InventoryEvent = { type: 'ReservationStarted', data: { commandId: reserveId, lines } };
const reserved: InventoryEvent = { type: 'InventoryReserved', data: { commandId: reserveId } };
const failed: InventoryEvent = { type: 'InventoryFailed', data: { commandId: reserveId, shortages: short } };
const shortage: InventoryEvent = {
  type: 'ReleaseStarted',
  data: { commandId: reserveId, because: 'shortage', shortages: short },
};
const releaseOpen: InventoryEvent = {
  type: 'ReleaseStarted',
  data: { commandId: releaseId, because: 'release' },
};
const releaseWhole: InventoryEvent = {
  type: 'ReleaseStarted',
  data: { commandId: releaseId, because: 'release', revisions: [9, 3] },
};
const released: InventoryEvent = {
  type: 'InventoryReleased',
  data: { commandId: releaseId, nothing: false },
};
const nothing: InventoryEvent = { type: 'InventoryReleased', data: { commandId: releaseId, nothing: true } };

const given = (...events: InventoryEvent[]) => {
  const state = events.reduce<Inventory>(inventory.evolve, inventory.initial);
  return { state, when: (command: InventoryCommand) => inventory.decide(command, state) };
};

const histories = {
  'nothing yet': [],
  'a reservation that is open': [started],
  'a reservation': [started, reserved],
  'a reservation that is given back for a shortage': [started, shortage],
  'an open reservation that is given back': [started, releaseOpen],
  'a reservation that is given back': [started, reserved, releaseWhole],
  'a failure at once': [failed],
  'a failure after a shortage': [started, shortage, failed],
  'a release of a reservation': [started, reserved, releaseWhole, released],
  'a release of a failure': [failed, nothing],
  'a tombstone': [nothing],
} satisfies Record<string, InventoryEvent[]>;

/** What each history makes of each command; whatever is not named decides nothing. */
const answers: Record<keyof typeof histories, [InventoryCommand, InventoryEvent][]> = {
  'nothing yet': [
    [reserve, started],
    [release, nothing],
  ],
  'a reservation that is open': [
    [allTaken, reserved],
    [potShort, shortage],
    [release, releaseOpen],
  ],
  'a reservation': [[release, releaseWhole]],
  'a reservation that is given back for a shortage': [[allReturned, failed]],
  'an open reservation that is given back': [[allReturned, released]],
  'a reservation that is given back': [[allReturned, released]],
  'a failure at once': [[release, nothing]],
  'a failure after a shortage': [[release, nothing]],
  'a release of a reservation': [],
  'a release of a failure': [],
  'a tombstone': [],
};

describe('the inventory decider', () => {
  for (const [name, events] of Object.entries(histories) as [keyof typeof histories, InventoryEvent[]][]) {
    for (const command of [reserve, release, allTaken, potShort, allReturned]) {
      const answer = answers[name].find(([asked]) => asked === command)?.[1];
      const what = command === potShort ? 'RecordTakes with a shortage' : command.type;
      it(`given ${name}, ${what} decides ${answer?.type ?? 'nothing'}`, () => {
        expect(given(...events).when(command)).toEqual(answer === undefined ? [] : [answer]);
      });
    }
  }

  it('fails at once, with the reason for each SKU, where the shortage shows already', () => {
    const asked = [line('cup', 2, 4, 7), line('pot', 3, 0, 1), line('lid', 1, -1, 0)];
    expect(given().when({ type: 'ReserveInventory', id: reserveId, lines: asked })).toEqual([
      {
        type: 'InventoryFailed',
        data: {
          commandId: reserveId,
          shortages: [
            { sku: 'pot', requested: 3, onHand: 1, reason: 'insufficient-stock' },
            { sku: 'lid', requested: 1, onHand: 0, reason: 'unknown-sku' },
          ],
        },
      },
    ]);
  });

  it('takes the last piece', () => {
    const asked = [line('cup', 7, 4, 7)];
    expect(given().when({ type: 'ReserveInventory', id: reserveId, lines: asked })).toMatchObject([
      { type: 'ReservationStarted' },
    ]);
  });

  it('refuses, as a bug of who asks, a SKU that is named twice', () => {
    const asked = [line('cup', 1, 4, 7), line('cup', 1, 4, 7)];
    expect(() => given().when({ type: 'ReserveInventory', id: reserveId, lines: asked })).toThrow('twice');
  });

  it('refuses a history that cannot be', () => {
    expect(() => given(nothing, reserved)).toThrow('InventoryReserved cannot follow on released');
    expect(() => given(shortage)).toThrow('ReleaseStarted cannot follow on none');
  });
});
