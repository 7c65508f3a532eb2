import type { EventData } from '@recourse/contracts/events';
import { replacePersonal } from '@recourse/contracts/personal';
import { registered } from '@recourse/contracts/registry';
import { upcast } from '@recourse/contracts/upcasters';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';

/** Replaces the personal data of one record; what it makes of the next depends on those before. */
export type StandIns = (record: RecordedEvent) => unknown;

/**
 * Stand-ins for the personal data of one order: `customer-1`, `tok-1`, `note-2`, numbered as they first appear in its
 * history. So the same text has the same stand-in throughout, in every export of that order, and nothing leads from a
 * stand-in back to the text. Commands inside SagaAdvanced have their data replaced, too.
 */
export const standIns = (): StandIns => {
  const byName = new Map<string, Map<string, string>>();
  const replace = (text: string, name: string): string => {
    const known = byName.get(name) ?? new Map<string, string>();
    byName.set(name, known);
    const standIn = known.get(text) ?? `${name}-${known.size + 1}`;
    known.set(text, standIn);
    return standIn;
  };
  const replaced = (type: string, data: unknown) => replacePersonal(registered(type).schema, data, replace);
  return ({ type, data }) =>
    type === 'SagaAdvanced'
      ? withCommands(data as EventData['SagaAdvanced'], replaced)
      : replaced(type, data);
};

const withCommands = (
  step: EventData['SagaAdvanced'],
  replaced: (type: string, data: unknown) => unknown,
): EventData['SagaAdvanced'] => ({
  ...step,
  commands: step.commands.map(({ id, type, version = 1, data }) => {
    const present = registered(type).version;
    return {
      id,
      type,
      ...(present > 1 && { version: present }),
      data: replaced(type, upcast(type, version, data)),
    };
  }),
});
