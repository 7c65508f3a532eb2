import type { CommandData } from '@recourse/contracts/commands';
import type { DomainEvent, EventData, Shortage } from '@recourse/contracts/events';
import type { CommandId } from '@recourse/contracts/ids';
import { assertNever } from '@recourse/infra/assert-never';
import type { Decider } from '@recourse/infra/decider';
import { noStream } from '@recourse/infra/ports/event-log';

/** What one order has asked of the stock: one line a SKU, with the head of its stream when the asking began. */
export type Reservation = {
  readonly commandId: CommandId;
  readonly lines: EventData['ReservationStarted']['lines'];
};

/** Where the reservation of one order stands. `started` and `releasing` have stock records yet to be written. */
export type Inventory =
  | { readonly status: 'none' }
  | { readonly status: 'started'; readonly reservation: Reservation }
  | { readonly status: 'reserved'; readonly reservation: Reservation }
  | {
      readonly status: 'releasing';
      readonly because: 'shortage';
      readonly reservation: Reservation;
      readonly shortages: readonly Shortage[];
    }
  | {
      readonly status: 'releasing';
      readonly because: 'release';
      readonly reservation: Reservation;
      readonly releaseId: CommandId;
      /** Set where the reservation was complete: each SKU was taken, and none returned before these heads. */
      readonly revisions: readonly number[] | undefined;
    }
  | { readonly status: 'failed' }
  | { readonly status: 'released' };

/** A line that is wished for, and what its SKU's stream was seen to hold: `revision` −1 where nobody knows the SKU. */
export type NotedLine = CommandData['ReserveInventory']['lines'][number] & {
  readonly revision: number;
  readonly onHand: number;
};

/** The two commands, and the two reports of what the SKUs' streams hold once they have been asked. */
export type InventoryCommand =
  | { readonly type: 'ReserveInventory'; readonly id: CommandId; readonly lines: readonly NotedLine[] }
  | {
      readonly type: 'ReleaseInventory';
      readonly id: CommandId;
      /** The heads of the reservation's SKUs now, in the order of its lines; looked at only where it is complete. */
      readonly revisions: readonly number[];
    }
  /** Every SKU has answered: none short, or these. */
  | { readonly type: 'RecordTakes'; readonly shortages: readonly Shortage[] }
  /** Every SKU's stream of the reservation holds its StockReturned. */
  | { readonly type: 'RecordReturns' };

/** The events of `inventory-<orderId>`; each names the command that caused it. */
export type InventoryEvent = DomainEvent<
  'ReservationStarted' | 'InventoryReserved' | 'InventoryFailed' | 'ReleaseStarted' | 'InventoryReleased'
>;

const shortagesAt = (lines: readonly NotedLine[]): Shortage[] =>
  lines
    .filter(({ quantity, revision, onHand }) => revision === noStream || onHand < quantity)
    .map(({ sku, quantity, revision, onHand }) => ({
      sku,
      requested: quantity,
      onHand,
      reason: revision === noStream ? 'unknown-sku' : 'insufficient-stock',
    }));

/**
 * A reservation that is seen to be short fails at once: nobody can have taken anything for it, since nothing was
 * started, and its stream refuses whatever comes late.
 */
const start = (commandId: CommandId, lines: readonly NotedLine[]): InventoryEvent[] => {
  if (new Set(lines.map(({ sku }) => sku)).size < lines.length)
    throw new Error(`command ${commandId} names a SKU twice: lines of one SKU are summed by who asks`);
  const shortages = shortagesAt(lines);
  if (shortages.length > 0) return [{ type: 'InventoryFailed', data: { commandId, shortages } }];
  const noted = lines.map(({ sku, quantity, revision }) => ({ sku, quantity, revision }));
  return [{ type: 'ReservationStarted', data: { commandId, lines: noted } }];
};

const release = (commandId: CommandId, revisions: readonly number[], state: Inventory): InventoryEvent[] => {
  switch (state.status) {
    case 'none':
    case 'failed':
      return [{ type: 'InventoryReleased', data: { commandId, nothing: true } }];
    case 'started':
      return [{ type: 'ReleaseStarted', data: { commandId, because: 'release' } }];
    case 'reserved':
      return [{ type: 'ReleaseStarted', data: { commandId, because: 'release', revisions: [...revisions] } }];
    case 'releasing':
    case 'released':
      return [];
    default:
      return assertNever(state);
  }
};

const afterTakes = (shortages: readonly Shortage[], state: Inventory): InventoryEvent[] => {
  if (state.status !== 'started') return [];
  const { commandId } = state.reservation;
  if (shortages.length === 0) return [{ type: 'InventoryReserved', data: { commandId } }];
  return [{ type: 'ReleaseStarted', data: { commandId, because: 'shortage', shortages: [...shortages] } }];
};

const afterReturns = (state: Inventory): InventoryEvent[] => {
  if (state.status !== 'releasing') return [];
  if (state.because === 'release')
    return [{ type: 'InventoryReleased', data: { commandId: state.releaseId, nothing: false } }];
  const { commandId } = state.reservation;
  return [{ type: 'InventoryFailed', data: { commandId, shortages: [...state.shortages] } }];
};

const decide = (command: InventoryCommand, state: Inventory): InventoryEvent[] => {
  switch (command.type) {
    case 'ReserveInventory':
      return state.status === 'none' ? start(command.id, command.lines) : [];
    case 'ReleaseInventory':
      return release(command.id, command.revisions, state);
    case 'RecordTakes':
      return afterTakes(command.shortages, state);
    case 'RecordReturns':
      return afterReturns(state);
    default:
      return assertNever(command);
  }
};

const reservationOf = (state: Inventory, event: InventoryEvent): Reservation => {
  if (state.status === 'started' || state.status === 'reserved') return state.reservation;
  throw new Error(`${event.type} cannot follow on ${state.status}`);
};

const evolve = (state: Inventory, event: InventoryEvent): Inventory => {
  switch (event.type) {
    case 'ReservationStarted':
      return { status: 'started', reservation: event.data };
    case 'InventoryReserved':
      return { status: 'reserved', reservation: reservationOf(state, event) };
    case 'ReleaseStarted': {
      const reservation = reservationOf(state, event);
      const { because, commandId: releaseId, shortages = [], revisions } = event.data;
      return because === 'shortage'
        ? { status: 'releasing', because, reservation, shortages }
        : { status: 'releasing', because, reservation, releaseId, revisions };
    }
    case 'InventoryFailed':
      return { status: 'failed' };
    case 'InventoryReleased':
      return { status: 'released' };
    default:
      return assertNever(event);
  }
};

/**
 * Decides over the stream of one order. Stock itself is in the streams of the SKUs: between `ReservationStarted` and
 * the report that all have answered, and between `ReleaseStarted` and the report that all was returned, the shell
 * writes there. After `ReleaseStarted` no InventoryReserved is decided.
 */
export const inventory: Decider<Inventory, InventoryCommand, InventoryEvent> = {
  initial: { status: 'none' },
  decide,
  evolve,
};
