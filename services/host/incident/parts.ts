import type { DomainEvent, EventData } from '@recourse/contracts/events';
import type { Decider } from '@recourse/infra/decider';
import { splitStream } from '@recourse/infra/log/names';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { inventory } from '@recourse/inventory/inventory';
import { order } from '@recourse/order/order';
import { payment } from '@recourse/payment/payment';
import { shipping } from '@recourse/shipping/shipping';
import type { Issued, Question, Sight } from './asked.ts';
import { askedOfInventory } from './asked-inventory.ts';
import { askedOfOrder } from './asked-order.ts';
import { askedOfPayment } from './asked-payment.ts';
import { askedOfShipping } from './asked-shipping.ts';
import type { Call } from './literal.ts';

/** A part of the story as it is written: who tells it, and what. */
export type Part = { readonly who: string; readonly told: object };

type AnyDecider = Decider<{ readonly status: string }, unknown, DomainEvent>;
type Participant = 'order' | 'payment' | 'inventory' | 'shipping';

/** How what each participant decided tells what it was asked, and the decider that is asked again. */
const participants = {
  order: { asked: askedOfOrder, decider: order },
  payment: { asked: askedOfPayment, decider: payment },
  inventory: { asked: askedOfInventory, decider: inventory },
  shipping: { asked: askedOfShipping, decider: shipping },
} as unknown as Record<Participant, { asked(sight: Sight): Question; readonly decider: AnyDecider }>;

/** Tells an order's own records, in the order of the log: what was asked, and what came of it. */
export const partsOf = (records: readonly RecordedEvent[]): Part[] => {
  const streams = Map.groupBy(records, ({ stream }) => stream);
  const created = records[0]!.data as EventData['OrderCreated'];
  const issued = new Map<string, Issued>();
  const told = new Set<string>();
  return records.flatMap((record): Part[] => {
    if (told.has(record.id)) return [];
    const { category } = splitStream(record.stream);
    if (category === 'saga-input') return [{ who: 'given', told: eventOf(record) }];
    if (record.type === 'SagaAdvanced') {
      for (const { id, type, data } of record.data.commands) issued.set(id, { id, type, data });
      return [{ who: 'saga', told: stepOf(record.data) }];
    }
    const who = category as Participant;
    const known = { stream: streams.get(record.stream)!, at: record.revision, created, issued };
    const { when, outcome } = decision(who, known);
    for (const { id } of outcome) told.add(id);
    return [{ who, told: { when, outcome: outcome.map(eventOf) } }];
  });
};

const eventOf = ({ type, id, data }: RecordedEvent) => ({ type, id, data });

const stepOf = ({ input, machine, state, commands, timers }: EventData['SagaAdvanced']) => ({
  when: call('heard', input.id, ...(input.started === undefined ? [] : [{ started: input.started }])),
  outcome: {
    machine: machine.version,
    state,
    commands: commands.map(({ id, type, data }) => ({ type, id, data })),
    timers: { set: timers.set.map(({ kind, id }) => ({ kind, id })), cancelled: timers.cancelled },
  },
});

const call = (name: string, ...of: readonly unknown[]): Call => ({ call: name, of });

/** What was asked, and the records that it came to: as many as the decider decides of it. */
const decision = (who: Participant, known: Omit<Sight, 'status'>) => {
  const { asked, decider } = participants[who];
  const rest = known.stream.slice(known.at);
  const state = known.stream
    .slice(0, known.at)
    .reduce((folded, it) => decider.evolve(folded, it as unknown as DomainEvent), decider.initial);
  const question = asked({ ...known, status: state.status });
  const isCommand = 'issued' in question;
  const command = isCommand ? known.issued.get(question.issued as string) : question;
  return {
    when: isCommand ? call('issued', question.issued) : question,
    outcome: rest.slice(0, countOf(decider, command, state, rest)),
  };
};

/** A decider that decides otherwise now is what the test is to show: then the first record stands for itself. */
const countOf = (
  { decide }: AnyDecider,
  command: unknown,
  state: { readonly status: string },
  rest: readonly RecordedEvent[],
): number => {
  try {
    const decided = decide(command, state);
    const same = decided.every(({ type }, index) => rest[index]?.type === type);
    return same ? Math.max(1, decided.length) : 1;
  } catch {
    return 1;
  }
};
