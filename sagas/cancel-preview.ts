import type { CommandName } from '@recourse/contracts/commands';
import type { CancelPreview, SagaState as SagaStateName } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import type { SagaEvent } from './chart-parts.ts';
import { commandOf, knownVersion, type SagaVersion } from './machines.ts';
import type { SagaState } from './step.ts';
import { transition } from './transition.ts';

/** Where an order stands, as far as cancelling it hangs on that. */
export type Cancelling = {
  readonly state: SagaStateName;
  /** Of the machine to which its saga is pinned; of one that has not begun, the one on which it would. */
  readonly version: number;
  /** Whether the saga knows that the money was captured. */
  readonly captured: boolean;
  /** Whether the parcel is gone, also where the saga has not heard of it. */
  readonly shipped: boolean;
};

/** What each undo takes back, and the answer after which the next one follows. */
const undos: Partial<Record<CommandName, { readonly undoes: string; readonly answer: SagaEvent['type'] }>> = {
  CancelShipment: { undoes: 'shipment', answer: 'ShipmentCancelled' },
  ReleaseInventory: { undoes: 'reservation', answer: 'InventoryReleased' },
  RefundPayment: { undoes: 'payment', answer: 'PaymentRefunded' },
  VoidPayment: { undoes: 'authorization', answer: 'PaymentVoided' },
  CancelOrder: { undoes: 'order', answer: 'OrderCancelled' },
};

/**
 * What cancelling would undo now: the way back of the order's own version of the chart, walked from where it stands.
 * `certain: false` marks the step in flight, which may turn out not to have happened.
 */
export const cancelPreview = (orderId: OrderId, order: Cancelling): CancelPreview => {
  // What has ended, or is shipped, may be of a version that was taken out.
  const over = order.shipped || order.state === 'completed' || order.state === 'cancelled';
  const undo = over ? [] : wayBack(order);
  const reason =
    order.state === 'cancelled'
      ? 'The order is cancelled already.'
      : undo.length === 0
        ? 'The order has been shipped: it can only be completed.'
        : null;
  return { orderId, cancellable: reason === null, reason, undo };
};

/** Nothing where the chart does not go back from here any more. */
const wayBack = ({ state, version, captured }: Cancelling): CancelPreview['undo'] => {
  const known = knownVersion(version);
  const from: SagaState = {
    value: state,
    status: 'active',
    context: { sequence: {}, ...(captured ? { captured } : {}) },
  };
  if (state === 'accepted') return [stepBack('CancelOrder', true)!];
  const wished = hear(from, 'OrderCancellationRequested', known);
  const undo: CancelPreview['undo'] = [];
  for (let at = wished; ; ) {
    const command = commandOf(known, at.value);
    const step = command && stepBack(command, at.value !== wished.value || wished.value === state);
    if (step === undefined) return undo;
    undo.push(step);
    at = hear(at, undos[step.command]!.answer, known);
  }
};

const stepBack = (command: CommandName, certain: boolean): CancelPreview['undo'][number] | undefined => {
  const undo = undos[command];
  return undo && { command, undoes: undo.undoes, certain };
};

/** The state that an event leads to: the same where it means nothing there. */
const hear = (state: SagaState, type: SagaEvent['type'], version: SagaVersion): SagaState =>
  transition(state, { type } as SagaEvent, version) ?? state;
