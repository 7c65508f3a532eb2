import type { CommandId, OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { upcast } from '@recourse/contracts/upcasters';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import { LRUCache } from 'lru-cache';
import type { Issued } from './answer.ts';

/** Commands remembered: what was issued stays issued. */
const rememberedMax = 8_192;

/** A saga that asked for days has a long stream: it is read from its end, so many steps at a time. */
const stepsReadMax = 16;

/** Finds the commands that sagas issued, in their own streams: `undefined` where this order's never issued that one. */
export const issuedCommands = (log: EventLog) => {
  const remembered = new LRUCache<string, Issued>({ max: rememberedMax });

  return async (orderId: OrderId, commandId: CommandId): Promise<Issued | undefined> => {
    const name = `${orderId} ${commandId}`;
    const found = remembered.get(name) ?? (await find(log, orderId, commandId));
    if (found !== undefined) remembered.set(name, found);
    return found;
  };
};

const find = async (log: EventLog, orderId: OrderId, commandId: CommandId): Promise<Issued | undefined> => {
  const stream = orderStream('saga', orderId);
  for (let before: number | undefined; before !== 0; ) {
    const steps = (await log.readStream(stream, {
      direction: 'backwards',
      max: stepsReadMax,
      ...(before === undefined ? {} : { from: before - 1 }),
    })) as readonly RecordedEvent<'SagaAdvanced'>[];
    for (const { data } of steps) {
      const command = data.commands.find(({ id }) => id === commandId);
      if (command === undefined) continue;
      const { id, type, version = 1 } = command;
      return { id, type, data: upcast(type, version, command.data) };
    }
    before = steps.at(-1)?.revision ?? 0;
  }
  return undefined;
};
