import { answered, undoesOf } from '@recourse/contracts/answers';
import type { FindingList } from '@recourse/infra/log/verify-findings';
import type { SoundRecord } from '@recourse/infra/log/verify-history';
import type { Advance } from '@recourse/sagas/step';
import { type Issued, type OrderEntry, recordText } from './order-entry.ts';

type Answer = { readonly commandId?: string; readonly late?: true };

/**
 * Sees that every command that a saga issued has exactly one answer, or an answered undo of its step, or an open saga
 * that waits for it. A command that was asked again has the same id, and is the same one. An answer that came late,
 * after a person had given one, is none.
 */
export const commandCheck = (findings: FindingList) => {
  const looked = { commands: 0, answered: 0, undone: 0, waitedFor: 0, lateAnswers: 0 };

  const isUndone = ({ commands, state }: OrderEntry, { type }: Issued): boolean => {
    const undoes = undoesOf[type];
    const open = state.status === 'active';
    return commands.some((it) => undoes?.includes(it.type) === true && (it.answers > 0 || open));
  };

  return {
    looked,

    /** Hears the commands of a step. */
    issue: (entry: OrderEntry, commands: Advance['commands'], position: number): void => {
      for (const { id, type } of commands) {
        if (entry.commands.some((it) => it.id === id)) continue;
        entry.commands.push({ id, type, position, answers: 0 });
      }
    },

    /** Hears an event that answers a command. */
    answer: (entry: OrderEntry, record: SoundRecord, data: unknown): void => {
      const { commandId = '', late } = data as Answer;
      if (late === true) {
        looked.lateAnswers += 1;
        return;
      }
      const command = entry.commands.find(({ id }) => id === commandId);
      const it = `${recordText(record)} is a ${record.type} that answers command ${commandId}`;
      if (command === undefined)
        findings.add('drift', 'answer-to-nothing', `command ${commandId}`, `${it}, which was never issued`);
      else if (answered.get(record.type) !== command.type)
        findings.add('drift', 'answer-misfits', `command ${commandId}`, `${it}, which is a ${command.type}`);
      else {
        command.answers += 1;
        if (command.answers > 1)
          findings.add(
            'drift',
            'answered-twice',
            `command ${commandId}`,
            `${it}, which has its answer already`,
          );
      }
    },

    /** Judges the commands of an order whose saga has ended, or as far as it has come. */
    judge: (entry: OrderEntry): void => {
      const { name, commands, state } = entry;
      for (const command of commands) {
        looked.commands += 1;
        const { id, type, position, answers } = command;
        if (answers > 0) looked.answered += 1;
        else if (state.status === 'active' && state.context.outstanding?.commandId === id)
          looked.waitedFor += 1;
        else if (isUndone(entry, command)) looked.undone += 1;
        else
          findings.add(
            'drift',
            'command-unanswered',
            `command ${id}`,
            `the ${type} that record ${position} (saga-${name}) issued has no answer, no answered undo, and its saga does not wait for it`,
          );
      }
    },
  };
};

/** Checks commands, as `commandCheck` makes it. */
export type CommandCheck = ReturnType<typeof commandCheck>;
