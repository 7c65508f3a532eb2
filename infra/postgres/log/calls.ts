import type { StreamName } from '@recourse/contracts/streams';
import { checksumWithoutTime } from '../../log/checksum.ts';
import type { CurrentType } from '../../log/intake.ts';
import { splitStream } from '../../log/names.ts';
import type { NewEvent, RecordedEvent } from '../../ports/event-log.ts';
import type { Postgres } from '../connect.ts';
import { int4Array, int8Array, textArray } from './arrays.ts';
import type { Sized } from './records.ts';

/** An append on its way; `texts`: the data of each event as JSON. */
export type AppendCall = {
  readonly stream: StreamName;
  readonly expected: number;
  readonly events: readonly NewEvent[];
  readonly texts: readonly string[];
};

/** Where an append came to stand; `position` 0: it was refused, and `head` is what was found. */
export type AppendAnswer = {
  readonly head: number;
  readonly position: number;
  readonly time: number;
  /** It was stored now; else it is a repeat, or was refused. */
  readonly stored: boolean;
};

const text = 'select * from log_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)';

/** Sends appends, each to another stream, in one call of `log_append`; answers in their order. */
export const appendCalls =
  (postgres: Postgres, typeOf: (name: string) => CurrentType) =>
  (appends: readonly AppendCall[]): Promise<readonly AppendAnswer[]> => {
    const names = appends.map(({ stream }) => splitStream(stream));
    const [numbers, revisions, types, crcs]: [number[], number[], number[], number[]] = [[], [], [], []];
    const [ids, causations, correlations]: [string[], string[], (string | null)[]] = [[], [], []];
    appends.forEach(({ stream, expected, events, texts }, number) => {
      events.forEach(({ id, type: name, causation, correlation }, index) => {
        const { id: type, version } = typeOf(name);
        const revision = expected + 1 + index;
        const checked = { stream, revision, id, type: name, version, correlation, causation };
        numbers.push(number + 1);
        revisions.push(revision);
        types.push(type);
        crcs.push(checksumWithoutTime(checked, texts[index]!));
        ids.push(id);
        causations.push(causation);
        correlations.push(correlation === names[number]!.key ? null : correlation);
      });
    });
    return postgres.query<AppendAnswer>(text, [
      textArray(names.map(({ key }) => key)),
      textArray(names.map(({ category }) => category)),
      int8Array(appends.map(({ expected }) => expected)),
      int8Array(appends.map(({ events }) => events.length)),
      int4Array(numbers),
      int8Array(revisions),
      int4Array(types),
      int4Array(crcs),
      textArray(ids),
      textArray(causations),
      textArray(correlations),
      textArray(appends.flatMap(({ texts }) => texts)),
    ]);
  };

/** The records that an append has become which was stored, of the very data that was appended. */
export const recordsOf = (
  { stream, expected, events, texts }: AppendCall,
  answer: AppendAnswer,
  typeOf: (name: string) => CurrentType,
): readonly Sized[] =>
  events.map(({ id, type, correlation, causation, data }, index) => {
    const record = {
      position: answer.position - events.length + 1 + index,
      stream,
      revision: expected + 1 + index,
      id,
      type,
      version: typeOf(type).version,
      time: answer.time,
      correlation,
      causation,
      data,
    };
    return { record: record as RecordedEvent, size: texts[index]!.length };
  });
