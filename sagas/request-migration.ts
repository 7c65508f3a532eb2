import type { EventId, OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { ConflictError } from '@recourse/infra/errors';
import { uuidV5 } from '@recourse/infra/event-id';
import { type EventLog, type NewEvent, noStream, type RecordedEvent } from '@recourse/infra/ports/event-log';
import { migrationRequested } from './migrate.ts';

/** How often a wish is appended anew because a timer or a person was appended first. */
const conflictsMax = 10;

/** How many records of a saga's inputs are read at once. */
const inputsMax = 16;

/** The wish for another version: of the saga's last step, so that it is granted only while that is its last. */
export type MigrationWish = {
  readonly orderId: OrderId;
  /** The last step of the saga, of which it was found that it can move. */
  readonly step: RecordedEvent<'SagaAdvanced'>;
  readonly to: number;
  readonly note?: string | undefined;
};

/**
 * Writes the wish into `saga-input-<id>`, once: the same wish again, whoever makes it and whatever the note, appends
 * nothing. Rejects as the log does.
 */
export const requestMigration = async (log: EventLog, wish: MigrationWish): Promise<void> => {
  const stream = orderStream('saga-input', wish.orderId);
  const event = wishEvent(wish);
  for (let conflicts = 0; ; conflicts += 1) {
    const { stands, head } = await lookUp(log, wish, event.id);
    if (stands) return;
    try {
      await log.append(stream, head, [event]);
      return;
    } catch (error) {
      if (!(error instanceof ConflictError) || conflicts >= conflictsMax) throw error;
    }
  }
};

/** Its id hangs on what is asked for alone, so that it cannot stand in the log twice. */
const wishEvent = ({ orderId, step, to, note }: MigrationWish): NewEvent<'SagaMigrationRequested'> => {
  const { version: from } = step.data.machine;
  return {
    type: migrationRequested,
    id: uuidV5(step.id, `migration:${from}:${to}`) as EventId,
    correlation: orderId,
    causation: step.id,
    data: { from, to, atRevision: step.revision, ...(note === undefined ? {} : { note }) },
  };
};

/** Whether it stands there already, and the head of the stream. Nothing before the step that it is about can be it. */
const lookUp = async (log: EventLog, { orderId, step }: MigrationWish, id: EventId) => {
  const stream = orderStream('saga-input', orderId);
  let head: number | undefined;
  for (let from: number | undefined; ; ) {
    const page = await log.readStream(stream, {
      direction: 'backwards',
      max: inputsMax,
      ...(from === undefined ? {} : { from }),
    });
    head ??= page[0]?.revision ?? noStream;
    if (page.some((it) => it.id === id)) return { stands: true, head };
    const last = page.at(-1);
    if (last === undefined || last.revision === 0 || last.position < step.position)
      return { stands: false, head };
    from = last.revision - 1;
  }
};
