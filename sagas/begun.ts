import type { CommandName } from '@recourse/contracts/commands';
import type { Outstanding } from '@recourse/contracts/events';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';

/** Commands that have to learn first what became of the charge or the authorisation, where that is open. */
const learning: ReadonlySet<CommandName> = new Set(['RefundPayment', 'VoidPayment', 'CapturePayment']);

/** The intents of those calls: a stream that ends with one has no outcome of it. */
const openCalls: ReadonlySet<string> = new Set(['PaymentStarted', 'AuthorizationStarted']);

/**
 * Whether the participant has begun on a command: something in its stream names it. What has to learn first what became
 * of an open call repeats that call before it writes anything, so there the open call is the sign.
 */
export const hasBegun = ({ commandId, type }: Outstanding, records: readonly RecordedEvent[]): boolean =>
  records.some((record) => commandOf(record) === commandId) ||
  (learning.has(type) && openCalls.has(records.at(-1)?.type ?? ''));

const commandOf = (record: RecordedEvent) => (record.data as { commandId?: string }).commandId;
