import type { OrderId } from '@recourse/contracts/ids';
import { type OrderCategory, orderStream } from '@recourse/contracts/streams';
import type { EventLog, RecordedEvent } from '@recourse/infra/ports/event-log';
import type { Advance, OrderFacts, SagaInput } from './step.ts';

/** One step of a saga with what it heard, the body included, which a SagaAdvanced does not repeat. */
export type Heard = { readonly input: SagaInput; readonly advance: Advance };

/** All that a saga has heard, from its first step on: the index of a step is its revision. */
export type SagaHistory = {
  readonly facts: OrderFacts;
  readonly heard: readonly Heard[];
  /** The record of its last step; undefined before its first. */
  readonly last: RecordedEvent<'SagaAdvanced'> | undefined;
};

/** An input as a step refers to it, with the body of the record that it refers to. */
export const heardInput = ({ input: { started, ...input } }: Advance, data: unknown): SagaInput => ({
  ...input,
  data,
  ...(started === undefined ? {} : { started }),
});

/**
 * Reads the history of a saga: its own stream, and the streams of its order that it has heard. `undefined` where there
 * is no such order. Throws where the log does not hold what a step says that it heard.
 */
export const readSagaHistory = async (
  log: Pick<EventLog, 'readStream'>,
  orderId: OrderId,
): Promise<SagaHistory | undefined> => {
  const advances = (await log.readStream(
    orderStream('saga', orderId),
  )) as readonly RecordedEvent<'SagaAdvanced'>[];
  const streams = new Map<OrderCategory, readonly RecordedEvent[]>();
  const streamOf = async (category: OrderCategory) => {
    const known = streams.get(category);
    if (known !== undefined) return known;
    const records = await log.readStream(orderStream(category, orderId));
    streams.set(category, records);
    return records;
  };

  const created = (await streamOf('order'))[0];
  if (created?.type !== 'OrderCreated') return undefined;
  const heard: Heard[] = [];
  for (const { data: advance, revision } of advances) {
    const { category, revision: at, id } = advance.input;
    const record = (await streamOf(category))[at];
    if (record?.id !== id)
      throw new Error(
        `saga-${orderId}, revision ${revision}, heard ${advance.input.type} at revision ${at} of ${category}-${orderId}: the log does not hold it there`,
      );
    heard.push({ input: heardInput(advance, record.data), advance });
  }
  return { facts: created.data, heard, last: advances.at(-1) };
};
