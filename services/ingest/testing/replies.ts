import type { AnswerType } from '@recourse/contracts/answers';
import { answered } from '@recourse/contracts/answers';
import type { Command, CommandData, CommandName } from '@recourse/contracts/commands';
import type { CommandId, EventId, OrderId } from '@recourse/contracts/ids';
import { addressee, type ReplyTopic } from '@recourse/contracts/registry';
import { orderStream } from '@recourse/contracts/streams';
import { stamp } from '@recourse/infra/event-id';
import type { ReplyMessage } from '@recourse/infra/ports/broker';
import type { EventLog } from '@recourse/infra/ports/event-log';

/** What tests of ingest share: sagas that have issued commands, and answers as Kafka brings them. */

/** Data of each command, as a saga would give it. */
export const asked: CommandData = {
  ProcessPayment: { amount: 500, currency: 'GBP', paymentToken: 'tok_accepted' as never },
  RefundPayment: { currency: 'GBP' },
  AuthorizePayment: { amount: 500, currency: 'GBP', paymentToken: 'tok_accepted' as never },
  CapturePayment: { amount: 500, currency: 'GBP' },
  VoidPayment: {},
  ReserveInventory: { lines: [{ sku: 'A' as never, quantity: 1 }] },
  ReleaseInventory: {},
  ShipOrder: { country: 'France' },
  CancelShipment: {},
  CompleteOrder: {},
  CancelOrder: { because: 'customer-cancelled' },
};

/** The command of a name with an id. */
export const commandOf = (type: CommandName, id: CommandId): Command =>
  ({ type, id, data: asked[type] }) as Command;

/** A step of the order's saga that issues commands, in the log. */
export const issue = async (
  log: EventLog,
  orderId: OrderId,
  ...commands: readonly Command[]
): Promise<void> => {
  const stream = orderStream('saga', orderId);
  const head = await log.headOf(stream);
  const input = { id: orderId as string as EventId, type: 'Test', category: 'order', revision: 0 } as const;
  const state = { value: 'shipping', status: 'active', context: { sequence: {} } } as const;
  const data = {
    input,
    machine: { name: 'order-saga', version: 1 },
    state,
    commands: commands.map(({ id, type, data }) => ({ id, type, data })),
    timers: { set: [], cancelled: [] },
  } as const;
  await log.append(
    stream,
    head,
    stamp([{ type: 'SagaAdvanced', data: structuredClone(data) as never }], orderId, `${orderId}${head}`),
  );
};

/** An answer as it comes from a participant's topic; whatever is not given is as it should be. */
export const reply = (
  orderId: OrderId,
  type: AnswerType | string,
  data: unknown,
  { version = 1, topic }: { readonly version?: number; readonly topic?: ReplyTopic } = {},
): ReplyMessage => ({
  kind: 'reply',
  type: 'Reply',
  id: 'any text',
  topic: topic ?? (`${addressee[answered.get(type) ?? 'ShipOrder']}.replies` as const),
  key: orderId,
  data: { type, version, data },
  version,
  stream: '/somebody/else',
  revision: 0,
  position: 0,
  time: 0,
  correlation: orderId,
  causation: '',
});
