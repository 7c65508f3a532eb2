import { isDeepStrictEqual } from 'node:util';
import { type AnswerEvent, answered, answersOf, type Foreign } from '@recourse/contracts/answers';
import type { CommandName } from '@recourse/contracts/commands';
import { PermanentError } from '@recourse/infra/errors';
import { readAnswer } from '@recourse/ingest/answer';
import { type Answers, answers } from '@recourse/ingest/answers';
import { type Asked, commandIdOf, type Heard } from './talk.ts';

/** What every answer must be, whichever command it answers: the same eyes look that take answers into the log. */

/** What an answer says: its type and its data; that is what repeats must have in common. */
const saidBy = ({ headers, data }: Heard) => ({ type: headers.ce_type, data });

/** Whether two answers say the same. */
export const isSame = (one: Heard, other: Heard): boolean => isDeepStrictEqual(saidBy(one), saidBy(other));

/** Why an answer's headers and key are not those of an answer to a command; undefined where they are. */
export const envelopeFault = ({ headers, key }: Heard, asked: Asked | undefined): string | undefined => {
  if (headers.ce_specversion !== '1.0') return 'ce_specversion is not 1.0';
  for (const name of ['ce_id', 'ce_type', 'ce_source']) if (!headers[name]) return `it has no ${name}`;
  const { ce_type: type = '', ce_dataschema: dataschema = '' } = headers;
  if (!dataschema.startsWith(`urn:recourse:${type}:`))
    return `ce_dataschema is not urn:recourse:${type}:<version>`;
  if (!/^application\/json\b/.test(headers['content-type'] ?? ''))
    return 'content-type is not application/json';
  if (asked !== undefined && key !== asked.orderId) return 'the key is not the id of the order';
  return undefined;
};

/** Why an answer is none that ingest could read; undefined where it is one. */
export const schemaFault = (heard: Heard, participant: Foreign): string | undefined => {
  try {
    read(heard, participant);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

const read = ({ headers, key, data }: Heard, participant: Foreign) => {
  const version = Number(/:(\d{1,9})$/.exec(headers.ce_dataschema ?? '')?.[1] ?? 0);
  const message = {
    topic: `${participant}.replies`,
    key,
    data: { type: headers.ce_type ?? '', version, data },
  };
  return readAnswer(message as Parameters<typeof readAnswer>[0]);
};

/**
 * Takes the answers to one order, in the order in which they came, as ingest would; the first that it would refuse says
 * why. Those that cannot be read are passed by: `schemaFault` tells of them.
 */
export const contradiction = (
  participant: Foreign,
  heard: readonly Heard[],
  asked: ReadonlyMap<string, Asked>,
): string | undefined => {
  let taken: Answers = answers.initial;
  for (const it of heard) {
    const command = asked.get(commandIdOf(it) ?? '');
    if (command === undefined || schemaFault(it, participant) !== undefined) continue;
    const issued = { id: command.id, type: command.type as CommandName, data: command.data };
    try {
      const events: readonly AnswerEvent[] = answers.decide(
        { asked: issued, event: read(it, participant).event },
        taken,
      );
      const late = events.find(({ data }) => 'late' in data);
      if (late !== undefined) return `${late.type} came after the step had been taken back`;
      taken = events.reduce((state, event) => answers.evolve(state, event), taken);
    } catch (error) {
      if (!(error instanceof PermanentError)) throw error;
      return error.message;
    }
  }
  return undefined;
};

/** Whether a type is an answer that the participant may give to a command. */
export const answersIt = (participant: Foreign, command: string, type: string | undefined): boolean =>
  answersOf(participant).some(([, it]) => it === type) && answered.get(type ?? '') === command;
