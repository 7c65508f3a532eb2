import type { CommandData } from '@recourse/contracts/commands';
import type { EventData } from '@recourse/contracts/events';
import { noStream } from '@recourse/infra/ports/event-log';
import { type Question, type Sight, signedOf } from './asked.ts';

/** What the inventory decider was asked. */
export const askedOfInventory = (sight: Sight): Question => {
  const record = sight.stream[sight.at]!;
  const { commandId: id } = signedOf(record);
  switch (record.type) {
    case 'ReservationStarted': {
      // How much there was is not in the log; there was as much as was asked for.
      const lines = record.data.lines.map((line) => ({ ...line, onHand: line.quantity }));
      return { type: 'ReserveInventory', id, lines };
    }
    case 'InventoryReserved':
      return { type: 'RecordTakes', shortages: [] };
    case 'InventoryFailed':
      if (sight.status === 'releasing') return { type: 'RecordReturns' };
      return { type: 'ReserveInventory', id, lines: shortLines(sight, id, record.data) };
    case 'ReleaseStarted': {
      const { because, shortages, revisions = [] } = record.data;
      return because === 'shortage'
        ? { type: 'RecordTakes', shortages }
        : { type: 'ReleaseInventory', id, revisions };
    }
    case 'InventoryReleased':
      return record.data.nothing
        ? { type: 'ReleaseInventory', id, revisions: [] }
        : { type: 'RecordReturns' };
    default:
      return { issued: id };
  }
};

/** The lines that were wished for, as they were seen when it showed that some are short. */
const shortLines = ({ issued }: Sight, id: string, { shortages }: EventData['InventoryFailed']) => {
  const { lines } = issued.get(id)!.data as CommandData['ReserveInventory'];
  return lines.map(({ sku, quantity }) => {
    const shortage = shortages.find((it) => it.sku === sku);
    const revision = shortage?.reason === 'unknown-sku' ? noStream : 0;
    return { sku, quantity, revision, onHand: shortage?.onHand ?? quantity };
  });
};
