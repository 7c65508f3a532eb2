import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openDeliveryStore } from '@recourse/infra/broker/delivery-store';
import { messagesOf } from '@recourse/infra/broker/messages';
import { openRecordSource } from '@recourse/infra/log/record-source';
import { openSqliteLog } from '@recourse/infra/log/sqlite-log';
import type { Message, ParkedMessage } from '@recourse/infra/ports/broker';
import { noStream } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import { anEvent, freshStream } from '../../../test/contract/event-log/events.ts';
import type { Closing } from '../parts.ts';
import { closeAll } from '../parts.ts';
import { undoneOf } from './undone.ts';

const recordsMax = 12;
const topics = ['saga.inputs'] as const;
const groups = [
  { group: 'slow', topics },
  { group: 'quick', topics },
];
const ours = () => true;

describe('what the groups of a folder have left undone', () => {
  let dataDir: string;
  let messages: readonly Message[];
  const closing: Closing = [];
  afterEach(async () => {
    await closeAll(closing);
    await rm(dataDir, { recursive: true, force: true });
  });

  /** Twelve messages, in turn of two orders: the odd positions are one's, the even the other's. */
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'recourse-undone-'));
    const log = openSqliteLog({ path: join(dataDir, 'log.db'), clock: systemClock });
    for (let position = 1; position <= recordsMax; position += 1)
      await log.append(freshStream(), noStream, [{ ...anEvent(), correlation: `order-${position % 2}` }]);
    const records = await log.readAll(0, recordsMax);
    messages = records.flatMap((it) => messagesOf(it, new Set(topics))).filter((it) => it !== undefined);
    await log.close();
  });

  const written = (
    checkpoints: Record<string, number>,
    parked: Record<number, ParkedMessage['state']> = {},
    discarded: readonly number[] = [],
  ) => {
    const store = openDeliveryStore(join(dataDir, 'delivery.db'));
    const place = (position: number) => ({ group: 'slow', position, index: 0 });
    const park = (position: number, state: ParkedMessage['state']) =>
      ({
        change: 'park',
        place: place(position),
        message: messages[position - 1]!,
        standing: { state, attempts: 4, error: 'failed', retryAt: null },
        parkedAt: 1_000,
        onWritten: () => {},
      }) as const;
    store.write(
      [
        ...Object.entries(parked).map(([position, state]) => park(Number(position), state)),
        ...discarded.map((position) => park(position, 'dead')),
        ...discarded.map(
          (position) =>
            ({ change: 'discard', place: place(position), note: 'n', by: 'me', at: 2_000 }) as const,
        ),
      ],
      Object.entries(checkpoints),
    );
    store.close();
  };

  const undone = (isOurs: Parameters<typeof undoneOf>[2] = ours) => {
    const source = openRecordSource(join(dataDir, 'log.db'));
    closing.push(source.close);
    const deliveries = openDeliveryStore(join(dataDir, 'delivery.db'), { readOnly: true });
    closing.push(deliveries.close);
    return undoneOf({ dataDir, head: recordsMax, streams: 1, source, deliveries }, groups, isOurs);
  };
  const told = ({ waiting }: ReturnType<typeof undoneOf>) =>
    waiting.map(({ group, message, state }) => `${group} ${message.position} ${state}`);

  it('is published from the lowest checkpoint on, where nothing waits behind it', () => {
    written({ slow: 5, quick: 9 }, { 3: 'dead' });
    const found = undone();
    expect(found.relayFrom).toBe(5);
    expect(told(found)).toEqual(['slow 3 dead']);
  });

  it('is published from the first record on where no checkpoint was ever written', () => {
    written({ quick: 9 });
    expect(undone()).toMatchObject({ relayFrom: 0, waiting: [] });
  });

  it('waits up to the last message that waits or was discarded: in order, and nothing of it twice', () => {
    written({ slow: 2, quick: 10 }, { 5: 'dead' }, [8]);
    const found = undone();
    expect(found.relayFrom).toBe(8);
    // 3 was handled before 5 was parked; 8 is discarded; 9 and what follows is published.
    expect(told(found)).toEqual(['slow 5 dead', 'slow 4 waiting', 'slow 6 behind', 'slow 7 behind']);
    expect(found.waiting[1]).toMatchObject({ attempts: 0, error: null });
    expect(found.discarded).toMatchObject([
      { messageId: messages[7]!.id, note: 'n', discardedBy: 'me', discardedAt: 2_000, attempts: 4 },
    ]);
  });

  it('is refused where it waits for a group that the installation does not have', () => {
    written({ slow: 2, quick: 10 }, { 5: 'dead' });
    expect(() => undone(({ group }) => group !== 'slow')).toThrow(/1 messages wait.* for slow/);
  });
});
