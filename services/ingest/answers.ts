import { isDeepStrictEqual } from 'node:util';
import { type AnswerEvent, answered, undoesOf } from '@recourse/contracts/answers';
import type { DomainEvent } from '@recourse/contracts/events';
import type { CommandId } from '@recourse/contracts/ids';
import type { Decider } from '@recourse/infra/decider';
import { PermanentError } from '@recourse/infra/errors';
import type { Issued } from './answer.ts';
import { misfit } from './fits.ts';

/** The answers that stand in a participant's stream of one order, in their order; intents are passed by. */
export type Answers = readonly AnswerEvent[];

/** An answer to be taken: the command that the saga issued, and what the participant says to it. */
export type Taken = { readonly asked: Issued; readonly event: AnswerEvent };

/**
 * Takes ONE answer for each command. The same answer again decides nothing. Whatever can never be taken throws a
 * `PermanentError`: another answer to the same command, or one that contradicts what the participant has said before.
 *
 * Two kinds are on record and decide nothing, as `late`: the participant's own answer after a person has given one, and
 * a step that turns out to have happened after its undo was answered. A refusal of such a step is what its tombstone
 * promised: it says nothing new.
 */
export const answers: Decider<Answers, Taken, AnswerEvent> = {
  initial: [],

  decide: ({ asked, event }, heard) => {
    if (answered.get(event.type) !== asked.type)
      throw new PermanentError(`${event.type} does not answer ${asked.type} ${asked.id}`);
    const before = heard.filter(({ data }) => data.commandId === asked.id);
    const own = before.find((it) => !isByPerson(it));
    if (own !== undefined) {
      if (isDeepStrictEqual(bare(own), bare(event))) return [];
      throw new PermanentError(
        `${asked.type} ${asked.id} was answered by ${own.type} before, and now by ${inContrast(own, event)}: ` +
          'the same command is owed the same answer',
      );
    }
    if (before.length > 0) return [late(event)];
    if (undone(heard, asked)) return happened.has(event.type) ? [late(event)] : [];
    const why = misfit(event, asked, heard.filter(counts));
    if (why !== undefined) throw new PermanentError(`${asked.type} ${asked.id}: ${event.type} ${why}`);
    return [event];
  },

  evolve: (heard, event) => (answered.has((event as DomainEvent).type) ? [...heard, event] : heard),
};

/** The outcomes of steps that an undo takes back. */
const happened: ReadonlySet<string> = new Set(['PaymentProcessed', 'PaymentAuthorized', 'OrderShipped']);

type Said = { readonly commandId: CommandId; readonly by?: 'person'; readonly late?: true };

const isByPerson = ({ data }: AnswerEvent) => (data as Said).by === 'person';
const counts = ({ data }: AnswerEvent) => (data as Said).late !== true;

/** Whether a command's step has been taken back, or was never there: its undo has its answer. */
const undone = (heard: Answers, { type }: Issued): boolean =>
  heard.filter(counts).some((it) => {
    if (it.type === 'ShipmentCancellationRefused') return false;
    return undoesOf[type]?.includes(answered.get(it.type)!) === true;
  });

const late = (event: AnswerEvent): AnswerEvent =>
  ({ ...event, data: { ...event.data, late: true } }) as AnswerEvent;

/** An answer as the participant gave it. */
const bare = ({ type, data }: AnswerEvent) => {
  const { late: _, ...said } = data as Said;
  return { type, said };
};

/** What differs, by name: values may be personal. */
const inContrast = (own: AnswerEvent, event: AnswerEvent): string => {
  if (own.type !== event.type) return event.type;
  const [was, is] = [own.data, event.data] as unknown as Record<string, unknown>[];
  const names = Object.keys({ ...was, ...is }).filter(
    (name) => name !== 'late' && !isDeepStrictEqual(was?.[name], is?.[name]),
  );
  return `one with another ${names.join(' and ')}`;
};
