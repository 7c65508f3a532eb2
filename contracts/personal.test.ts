import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { commandData } from './commands.ts';
import { eventData } from './events.ts';
import { CustomerId, Note } from './ids.ts';
import { personalFields, replacePersonal } from './personal.ts';

const marked = (schemas: Readonly<Record<string, z.ZodType>>) =>
  Object.entries(schemas).flatMap(([type, schema]) =>
    personalFields(schema).map(({ path, standIn }) => `${type}.${path} (${standIn})`),
  );

const byPerson = (type: string) => [`${type}.reference (reference)`, `${type}.note (note)`];

describe('what the contracts mark as personal', () => {
  it('in events: take nothing off this list without knowing who was promised it', () => {
    expect(marked(eventData)).toEqual([
      'OrderCreated.customerId (customer)',
      'OrderCreated.paymentToken (tok)',
      'OrderCreated.bodyHash (hash)',
      'SagaMigrationRequested.note (note)',
      'RetryRequested.note (note)',
      'PaymentStarted.paymentToken (tok)',
      'PaymentProcessed.chargeId (reference)',
      ...byPerson('PaymentProcessed'),
      ...byPerson('PaymentFailed'),
      'RefundStarted.chargeId (reference)',
      'PaymentRefunded.refundId (reference)',
      ...byPerson('PaymentRefunded'),
      'AuthorizationStarted.paymentToken (tok)',
      'PaymentAuthorized.authorizationId (reference)',
      ...byPerson('PaymentAuthorized'),
      ...byPerson('AuthorizationFailed'),
      'CaptureStarted.authorizationId (reference)',
      'PaymentCaptured.captureId (reference)',
      ...byPerson('PaymentCaptured'),
      'VoidStarted.authorizationId (reference)',
      'PaymentVoided.voidId (reference)',
      ...byPerson('PaymentVoided'),
      'OrderShipped.shipmentId (reference)',
      ...byPerson('OrderShipped'),
      ...byPerson('ShippingFailed'),
      ...byPerson('ShipmentCancelled'),
      ...byPerson('ShipmentCancellationRefused'),
    ]);
  });

  it('in commands', () => {
    expect(marked(commandData)).toEqual([
      'ProcessPayment.paymentToken (tok)',
      'AuthorizePayment.paymentToken (tok)',
    ]);
  });
});

describe('replacing it', () => {
  const schema = z.strictObject({
    customer: CustomerId.nullable(),
    notes: z.array(z.strictObject({ note: Note.min(1).optional(), at: z.int() })),
    byName: z.record(z.string(), z.union([z.int(), CustomerId])),
    free: z.unknown(),
  });
  const replace = (text: string, standIn: string) => `${standIn} of ${text.length}`;

  it('reaches lists, records, alternatives, and what may be left out, and leaves the rest', () => {
    const data = {
      customer: 'anna',
      notes: [{ note: 'called', at: 1 }, { at: 2 }],
      byName: { a: 7, b: 'bert' },
      free: { customer: 'anna' },
    };
    expect(replacePersonal(schema, data, replace)).toEqual({
      customer: 'customer of 4',
      notes: [{ note: 'note of 6', at: 1 }, { at: 2 }],
      byName: { a: 7, b: 'customer of 4' },
      free: { customer: 'anna' },
    });
  });

  it('leaves null, and data whose schema marks nothing, as they are', () => {
    const data = { customer: null, notes: [], byName: {}, free: 1 };
    expect(replacePersonal(schema, data, replace)).toEqual(data);
    const plain = { because: 'payment-failed' };
    expect(replacePersonal(commandData.CancelOrder, plain, replace)).toBe(plain);
  });
});
