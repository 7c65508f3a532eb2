import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { registry } from '@recourse/contracts/registry';
import { openSqliteLogReader } from '@recourse/infra/log/reader';
import { readPointer } from '@recourse/infra/project/pointer';
import { projectionReader, type Query, sqliteSql } from '@recourse/infra/project/read';
import { answered, type Shown } from '@recourse/infra/project/select';
import type { LogSource } from '@recourse/infra/project/source';
import { projections } from '../projections/all.ts';
import type { AsOf } from './asked.ts';
import { failureOf } from './failure.ts';
import { type Page, readPage } from './page.ts';
import type {
  Found,
  FoundMoment,
  FoundPage,
  FromReader,
  Question,
  ThreadSetup,
  ToReader,
} from './protocol.ts';

/** Answers questions about the log and the files of read models, one after the other, until it is ended. */
const run = ({ logPath }: ThreadSetup): void => {
  let log: LogSource | undefined;
  const source = () => {
    log ??= openSqliteLogReader(logPath);
    return log;
  };

  const answer = (question: Question): Found[Question['kind']] => {
    switch (question.kind) {
      case 'moment':
        return momentIn(source(), question.asOf);
      case 'page':
        return pageIn(source, question);
    }
  };

  parentPort?.on('message', ({ id, question }: ToReader) => {
    const say = (message: FromReader) => parentPort?.postMessage(message);
    try {
      say({ id, found: answer(question) });
    } catch (error) {
      say({ id, failure: failureOf(error) });
    }
  });
};

const everyType = new Set(registry.keys());

/** The time of the record at a position; null where there is none that could be read. */
const timeAt = (log: LogSource, position: number): number | null =>
  position === 0 ? null : (log.read(position - 1, 1, everyType)?.records[0]?.time ?? null);

const momentIn = (log: LogSource, asOf: AsOf): FoundMoment => {
  const head = log.head();
  const position = 'position' in asOf ? asOf.position : log.positionAt(asOf.time);
  return { position, head, headTime: timeAt(log, head) };
};

const pageIn = (log: () => LogSource, { source, wish }: Extract<Question, { kind: 'page' }>): FoundPage => {
  const projection = projections.find((it) => it.name === source.projection)!;
  const queries = (query: Query): Page => answered(query, readPage(wish));
  let { version } = projection;
  let shown: Shown<Page>;
  if ('path' in source) shown = readFolded(source.path, queries);
  else {
    version = readPointer(source.folder, projection.name)?.version ?? version;
    const reader = projectionReader(source.folder, projection, () => 0);
    try {
      shown = reader.read(queries);
    } finally {
      reader.close();
    }
  }
  return { ...shown.rows, version, position: shown.position, time: timeOf(log, shown.position) };
};

/** Rows are shown also where the log cannot be read: then nobody knows of what time they are. */
const timeOf = (log: () => LogSource, position: number): number | null => {
  try {
    return timeAt(log(), position);
  } catch {
    return null;
  }
};

const readFolded = <T>(path: string, queries: (query: Query) => T): Shown<T> => {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const query: Query = <Row>(sql: string, ...values: readonly SQLInputValue[]) =>
      db.prepare(sqliteSql(sql)).all(...values) as Row[];
    const [checkpoint] = query<{ position: number }>('select position from checkpoint');
    return { rows: queries(query), position: checkpoint!.position };
  } finally {
    db.close();
  }
};

run(workerData as ThreadSetup);
