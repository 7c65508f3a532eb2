import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { registered, registry, type Topic } from '@recourse/contracts/registry';
import { upcasters } from '@recourse/contracts/upcasters';
import { UnknownVersionError } from '../errors.ts';
import type { RecordedEvent } from '../ports/event-log.ts';
import { messagesOf } from './messages.ts';

const orderId = '0192f0a0-0000-7000-8000-000000000001';
const advanced = (command: { readonly version?: number; readonly data: unknown }): RecordedEvent =>
  ({
    position: 7,
    stream: `saga-${orderId}`,
    revision: 3,
    id: '00000000-0000-5000-8000-000000000001',
    type: 'SagaAdvanced',
    version: registered('SagaAdvanced').version,
    time: 0,
    correlation: orderId,
    causation: '00000000-0000-5000-8000-000000000002',
    data: { commands: [{ id: '00000000-0000-5000-8000-000000000003', type: 'ShipOrder', ...command }] },
  }) as unknown as RecordedEvent;

const delivered = (record: RecordedEvent) =>
  messagesOf(record, new Set<Topic>(['shipping.commands'])).find((message) => message !== undefined);

/** The next version of ShipOrder, as a later build would have it: the country in an address. */
const nextVersion = (chain: readonly ((data: never) => unknown)[]) => {
  registry.set('ShipOrder', { ...original, version: chain.length + 1 });
  (upcasters as Record<string, typeof chain>).ShipOrder = chain;
};
const original = registered('ShipOrder');
const toAddress = ({ country }: { readonly country: string }) => ({ address: { country } });
const withLines = ({ address }: { readonly address: object }) => ({ address: { ...address, lines: [] } });

describe('a command that an older build has issued', () => {
  beforeEach(() => nextVersion([toAddress, withLines]));
  afterEach(() => {
    registry.set('ShipOrder', original);
    delete (upcasters as Record<string, unknown>).ShipOrder;
  });

  it('is delivered as the present version: without a version it was the first', () => {
    expect(delivered(advanced({ data: { country: 'Germany' } }))).toMatchObject({
      type: 'ShipOrder',
      version: 3,
      data: { address: { country: 'Germany', lines: [] } },
    });
  });

  it('goes through as many upcasters as it needs', () => {
    const data = { address: { country: 'Germany' } };
    expect(delivered(advanced({ version: 2, data }))?.data).toEqual({
      address: { country: 'Germany', lines: [] },
    });
    const present = { address: { country: 'Germany', lines: ['1 Main Street'] } };
    expect(delivered(advanced({ version: 3, data: present }))?.data).toEqual(present);
  });

  it('leaves the record as it was', () => {
    const record = advanced({ data: { country: 'Germany' } });
    const before = structuredClone(record);
    delivered(record);
    expect(record).toEqual(before);
  });
});

describe('a version that this build does not know', () => {
  it('of a command is no message, and says where it stands', () => {
    const record = advanced({ version: 2, data: {} });
    expect(() => delivered(record)).toThrow(UnknownVersionError);
    expect(() => delivered(record)).toThrow(/position 7 .*revision 3.* ShipOrder version 2/);
  });

  it('of a record is none either, whether anybody wants it or not', () => {
    const record = { ...advanced({ data: {} }), version: 99 };
    expect(() => messagesOf(record, new Set())).toThrow(/SagaAdvanced version 99/);
  });
});
