import { createHash } from 'node:crypto';
import { ExportHeader, ExportRecord, ExportTrailer, exportVersion } from '@recourse/contracts/export';
import { registry } from '@recourse/contracts/registry';
import { StartError } from '@recourse/infra/errors';
import { splitStream } from '@recourse/infra/log/names';

/** An export that was read and checked. */
export type Exported = {
  readonly header: ExportHeader;
  /** In the order of the log. */
  readonly records: readonly ExportRecord[];
};

/**
 * Reads an export from its first line to its last and checks that it is what was written. Throws `StartError`:
 * `not-an-export`, `export-version` where it is of another format or holds what this build does not know,
 * `export-truncated`, `export-edited`. `name` says in messages which export it is.
 */
export const readExport = (text: string, name: string): Exported => {
  const header = headerOf(text, name);
  const lines = text.split('\n');
  // What was cut off shows first: a last line that is whole, its line feed included, is the trailer.
  const end = lines.pop();
  const trailer = ExportTrailer.safeParse(json(lines.pop()));
  if (end !== '' || !trailer.success || lines.length - 1 < header.records)
    throw truncated(name, header, text);
  const before = `${lines.join('\n')}\n`;
  const sum = createHash('sha256').update(before).digest('hex');
  if (sum !== trailer.data.sha256) throw edited(name, 'its checksum is another one');
  if (lines.length - 1 !== header.records || trailer.data.records !== header.records)
    throw edited(name, `it says ${header.records} records and holds ${lines.length - 1}`);
  const records = lines.slice(1).map((line, index) => recordOf(line, name, index + 2));
  refuseUnsound(records, header, name);
  return { header, records };
};

const json = (line: string | undefined): unknown => {
  try {
    return JSON.parse(line ?? '');
  } catch {
    return undefined;
  }
};

const headerOf = (text: string, name: string): ExportHeader => {
  const given = json(text.split('\n', 1)[0]);
  const { format, version } = (given ?? {}) as { readonly format?: unknown; readonly version?: unknown };
  if (format !== 'recourse-export')
    throw new StartError(
      'not-an-export',
      `${name} is no export of an order: its first line does not say so. recourse export <id> --out <file> makes one. Nothing was changed.`,
    );
  if (version !== exportVersion)
    throw new StartError(
      'export-version',
      `${name} is an export of format ${version}; this Recourse reads format ${exportVersion}: use the one that wrote it, or a later one. Nothing was changed.`,
    );
  const read = ExportHeader.safeParse(given);
  if (!read.success) throw edited(name, 'its first line is not what was written');
  return read.data;
};

const recordOf = (line: string, name: string, number: number): ExportRecord => {
  const read = ExportRecord.safeParse(json(line));
  if (!read.success) throw edited(name, `line ${number} is no record`);
  const { type, version } = read.data;
  const known = registry.get(type);
  if (known?.kind !== 'event' || version !== known.version)
    throw new StartError(
      'export-version',
      `${name}, line ${number}, is a ${type} of version ${version}; this Recourse knows ${known === undefined ? 'no such type' : `version ${known.version}`}: use the one that wrote it, or export the order anew. Nothing was changed.`,
    );
  return read.data;
};

/** Each of the order's own streams from its first record on, without a gap: whoever edits also has to count. */
const refuseUnsound = (records: readonly ExportRecord[], { orderId }: ExportHeader, name: string): void => {
  const next = new Map<string, number>();
  for (const { stream, revision, forReading, type, data } of records) {
    if (forReading === true) continue;
    if (splitStream(stream).key !== orderId) throw edited(name, `${stream} is no stream of order ${orderId}`);
    if (revision !== (next.get(stream) ?? 0))
      throw edited(name, `${stream} has a gap before revision ${revision}`);
    next.set(stream, revision + 1);
    if (registry.get(type)?.schema.safeParse(data).success !== true)
      throw edited(name, `revision ${revision} of ${stream} is no ${type}`);
  }
};

const truncated = (name: string, { records }: ExportHeader, text: string) => {
  const whole = text.split('\n').length - 2;
  return new StartError(
    'export-truncated',
    `${name} ends too early: of ${records} records and a last line it holds ${whole} whole lines. Copy or export it again. Nothing was changed.`,
  );
};

const edited = (name: string, why: string) =>
  new StartError(
    'export-edited',
    `${name} is not what was written: ${why}. Export it again. Nothing was changed.`,
  );
