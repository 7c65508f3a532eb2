import type { OrderId } from '@recourse/contracts/ids';
import { orderStream } from '@recourse/contracts/streams';
import { UnavailableError } from '@recourse/infra/errors';
import { eventually, orderOf, type TestApi, type TestApiOptions } from './api-kit.ts';

/**
 * An API with a saga that waits for its payment and has taken so many steps since; `read` counts the records that are
 * read from its streams, `saga-` and `saga-input-`.
 */
export const longSaga = async (start: (options: TestApiOptions) => Promise<TestApi>, steps: number) => {
  const read = { records: 0 };
  const api = await start({
    wrapLog: (log) => ({
      ...log,
      append: async (stream, expected, events) => {
        if (events.some(({ type }) => type === 'PaymentProcessed'))
          throw new UnavailableError('out of order');
        return log.append(stream, expected, events);
      },
      readStream: async (stream, options) => {
        const records = await log.readStream(stream, options);
        if (stream.startsWith('saga-')) read.records += records.length;
        return records;
      },
    }),
  });
  const { json } = await api.post('/orders', orderOf());
  const orderId = json.orderId as OrderId;
  await eventually(async () => (await api.log.headOf(orderStream('payment', orderId))) === 0);
  const stream = orderStream('saga', orderId);
  const [first] = await api.log.readStream(stream);
  if (first?.type !== 'SagaAdvanced') throw new Error('the saga has not begun');
  await api.log.append(
    stream,
    0,
    Array.from({ length: steps }, (_, index) => ({
      type: 'SagaAdvanced' as const,
      data: { ...first.data, commands: [], timers: { set: [], cancelled: [] } },
      id: `step-${index}` as never,
      correlation: orderId,
      causation: orderId,
    })),
  );
  const commandId = first.data.state.context.outstanding?.commandId;
  return { api, orderId, commandId, read };
};
