import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Command } from '@recourse/contracts/commands';
import type { CommandId, OrderId } from '@recourse/contracts/ids';
import { addressee } from '@recourse/contracts/registry';
import { type OrderCategory, orderStream } from '@recourse/contracts/streams';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { CommandMessage, ConsumerGroup } from '@recourse/infra/ports/broker';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { type Logger, pino } from 'pino';

/** What tests of participants share: a real log in a folder of its own, a logger that keeps its lines, and faults. */

export const orderId = '0192f0a0-0000-7000-8000-000000000001' as OrderId;

/** The id of the n-th command of a test. */
export const nthCommand = (n: number): CommandId =>
  `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` as CommandId;

/** A folder with a real log; `dispose` closes the log and removes all. */
export const openRoom = () => {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-participant-'));
  const log: EventLog = openSqliteLog({ path: join(folder, 'log.db'), clock: systemClock });
  return {
    folder,
    log,
    /** The events of one of the order's streams, in order. */
    events: async (category: OrderCategory) =>
      (await log.readStream(orderStream(category, orderId))).map(({ type, data, causation }) => ({
        type,
        data,
        causation,
      })),
    /** Their wire names; a late one with `late` before it. */
    types: async (category: OrderCategory) =>
      (await log.readStream(orderStream(category, orderId))).map(({ type, data }) =>
        'late' in data ? `late ${type}` : type,
      ),
    dispose: async () => {
      await log.close();
      rmSync(folder, { recursive: true });
    },
  };
};

/** A logger and the lines it was given. */
export const keepingLogger = () => {
  const lines: Record<string, unknown>[] = [];
  const logger: Logger = pino({ level: 'info' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { logger, lines };
};

/** A command as the broker delivers it. */
export const delivered = (command: Command): CommandMessage =>
  ({
    kind: 'command',
    topic: `${addressee[command.type]}.commands`,
    key: orderId,
    version: 1,
    stream: orderStream('saga', orderId),
    revision: 0,
    position: 1,
    time: 0,
    correlation: orderId,
    causation: orderId,
    ...command,
  }) as unknown as CommandMessage;

/** The rows of a table of somebody's books. */
export const rowsOf = (path: string, table: string): Record<string, unknown>[] => {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    return database.prepare(`SELECT * FROM ${table} ORDER BY rowid`).all();
  } finally {
    database.close();
  }
};

/** The same log, with something that happens before and after each append, counted from 1. */
export const tampered = (
  log: EventLog,
  {
    before,
    after,
  }: {
    readonly before?: (n: number) => Promise<void> | void;
    readonly after?: (n: number) => Promise<void> | void;
  },
): EventLog => {
  let appends = 0;
  return {
    ...log,
    append: async (...append) => {
      appends += 1;
      const n = appends;
      await before?.(n);
      const appended = await log.append(...append);
      await after?.(n);
      return appended;
    },
  };
};

/** The same log, and how many appends it has been asked for. */
export const counted = (log: EventLog) => {
  let appends = 0;
  const before = (n: number) => {
    appends = n;
  };
  return { log: tampered(log, { before }), appends: () => appends };
};

/**
 * The messages to a participant whose n-th append dies before or after it is stored; then a fresh life hears that
 * message again, and those that follow. Resolves with whether it died.
 */
export const crashing = async (
  { log, participant }: { log: EventLog; participant: (log: EventLog) => { readonly group: ConsumerGroup } },
  messages: readonly CommandMessage[],
  n: number,
  when: 'before' | 'after',
): Promise<boolean> => {
  class Crash extends Error {}
  const die = (appends: number) => {
    if (appends >= n) throw new Crash();
  };
  const first = participant(tampered(log, { [when]: die }));
  let crashed = false;
  for (const message of messages)
    try {
      await (crashed ? participant(log) : first).group.handle(message);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      crashed = true;
      await participant(log).group.handle(message);
    }
  return crashed;
};

/** A gate that stays shut until it is opened; `reached` resolves when somebody stands before it. */
export const gate = () => {
  const opened = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    open: () => opened.resolve(),
    pass: async () => {
      reached.resolve();
      await opened.promise;
    },
  };
};
