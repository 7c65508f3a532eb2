import { registered } from '@recourse/contracts/registry';
import type { StreamName } from '@recourse/contracts/streams';
import { appendEventsMax, type NewEvent, noStream } from '../ports/event-log.ts';
import { splitStream } from './names.ts';
import type { RecordReader } from './records.ts';

/** The current version of a type, and the number under which records know both. */
export type CurrentType = { readonly id: number; readonly version: number };

/** Looks at appends before they are queued, so that nothing that is wrong with one can fail a transaction. */
export const appendIntake = (reader: Pick<RecordReader, 'types'>) => {
  const stored = new Map(reader.types().map(({ id, name, version }) => [`${name} ${version}`, id]));
  const current = new Map<string, CurrentType>();

  const typeOf = (name: string): CurrentType => {
    const known = current.get(name);
    if (known !== undefined) return known;
    const { version } = registered(name);
    const id = stored.get(`${name} ${version}`);
    if (id === undefined) throw new Error(`${name} is not an event: the log stores events only`);
    const type = { id, version };
    current.set(name, type);
    return type;
  };

  return {
    /** The current version of an event's type. Throws on a type that is not registered as an event. */
    typeOf,

    /** The data of each event as JSON. Throws where an append is not one: its stream, place, number or types. */
    check: (stream: StreamName, expected: number, events: readonly NewEvent[]): readonly string[] => {
      splitStream(stream);
      if (!Number.isSafeInteger(expected) || expected < noStream)
        throw new RangeError(`${stream}: expectedRevision must be ${noStream} or more, not ${expected}`);
      if (events.length < 1 || events.length > appendEventsMax)
        throw new RangeError(
          `${stream}: an append holds 1 to ${appendEventsMax} events, not ${events.length}`,
        );
      return events.map((event) => {
        typeOf(event.type);
        const text: string | undefined = event.json ?? JSON.stringify(event.data);
        const ids = [event.id, event.correlation, event.causation];
        if (text === undefined || ids.some((id) => typeof id !== 'string'))
          throw new TypeError(`${stream}: a ${event.type} needs an id, a correlation, a causation and data`);
        return text;
      });
    },
  };
};
