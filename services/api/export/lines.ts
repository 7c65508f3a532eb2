import { createHash } from 'node:crypto';
import {
  type ExportHeader,
  type ExportRecord,
  type ExportTrailer,
  exportVersion,
} from '@recourse/contracts/export';
import { formatPosition, rfc3339 } from '@recourse/contracts/http';
import type { OrderId } from '@recourse/contracts/ids';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { standIns } from './stand-ins.ts';

/** The lines of an order's export, each with its line feed; `records` is its history in the order of the log. */
export function* exportLines(orderId: OrderId, records: readonly RecordedEvent[]): Generator<string> {
  const hash = createHash('sha256');
  const line = (content: ExportHeader | ExportRecord) => {
    const text = `${JSON.stringify(content)}\n`;
    hash.update(text);
    return text;
  };
  yield line(headerOf(orderId, records));
  const replaced = standIns();
  for (const record of records) yield line(lineOf(record, replaced(record)));
  const trailer: ExportTrailer = { records: records.length, sha256: hash.digest('hex') };
  yield `${JSON.stringify(trailer)}\n`;
}

const headerOf = (orderId: OrderId, records: readonly RecordedEvent[]): ExportHeader => {
  const last = records.findLast((record) => record.type === 'SagaAdvanced');
  return {
    format: 'recourse-export',
    version: exportVersion,
    orderId,
    records: records.length,
    machine: last?.data.machine ?? null,
  };
};

const lineOf = (record: RecordedEvent, data: unknown): ExportRecord => ({
  position: formatPosition(record.position),
  stream: record.stream,
  revision: record.revision,
  id: record.id,
  type: record.type,
  version: record.version,
  time: rfc3339(record.time),
  correlation: record.correlation,
  causation: record.causation,
  data: data as ExportRecord['data'],
  ...(record.stream.startsWith('stock-') && { forReading: true }),
});
