import { type Question, type Sight, signedOf } from './asked.ts';

/** What the order decider was asked. */
export const askedOfOrder = ({ stream, at }: Sight): Question => {
  const record = stream[at]!;
  switch (record.type) {
    case 'OrderCreated':
      return { type: 'CreateOrder', data: record.data };
    case 'OrderCancellationRequested':
      return { type: 'RequestCancellation' };
    default:
      return { issued: signedOf(record).commandId };
  }
};
