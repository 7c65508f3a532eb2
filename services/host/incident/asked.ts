import type { EventData } from '@recourse/contracts/events';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';

/** What a participant's decider was asked, told from what it decided. */

/** A record of a participant's stream, where it stands in it, and what is known besides. */
export type Sight = {
  /** The whole stream. */
  readonly stream: readonly RecordedEvent[];
  /** The record at hand. */
  readonly at: number;
  /** The decider's state before it. */
  readonly status: string;
  readonly created: EventData['OrderCreated'];
  /** The commands that the saga has issued, by their ids. */
  readonly issued: ReadonlyMap<string, Issued>;
};

/** A command that the saga has issued. */
export type Issued = { readonly id: string; readonly type: string; readonly data: unknown };

/** A question to a decider: a command of the saga, by its id, or one that is told whole. */
export type Question =
  | { readonly issued: string }
  | { readonly type: string; readonly [field: string]: unknown };

/** What a person signs with. */
type Signed = {
  readonly commandId: string;
  readonly by?: 'person';
  readonly reference?: string;
  readonly note?: string;
};

/** The data of a record as one that a person may have signed. */
export const signedOf = ({ data }: RecordedEvent): Signed => data as unknown as Signed;

/** The latest record of a type before the one at hand. */
export const before = <T extends RecordedEvent['type']>({ stream, at }: Sight, type: T): RecordedEvent<T> => {
  const found = stream.slice(0, at).findLast((record) => record.type === type);
  if (found === undefined) throw new Error(`${stream[at]?.stream}: no ${type} before revision ${at}`);
  return found as RecordedEvent<T>;
};

/**
 * A person's resolve: its cause is the command that it answers. Where the first of the records that it made answers
 * another, it settles a step that was open.
 */
export const resolved = (type: string, { stream, at, created }: Sight): Question => {
  const first = stream[at]!;
  const commandId = first.causation;
  const answers = stream.slice(at).filter((it) => it.causation === commandId && signedOf(it).by === 'person');
  const outcome = answers.find((it) => signedOf(it).commandId === commandId) ?? first;
  const { reference, note } = signedOf(first);
  return {
    type,
    commandId,
    outcome: outcome.type,
    reference,
    note,
    openOutcome: outcome === first ? openBehind(first) : first.type,
    ...(type === 'ResolvePayment' && { amount: created.total, currency: created.currency }),
  };
};

/** A shipment that never was is cancelled in one record, whatever was open. */
const openBehind = (record: RecordedEvent) =>
  record.type === 'ShipmentCancelled' && record.data.nothing ? 'ShippingFailed' : undefined;
