import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { goldenName, type Kept } from '@recourse/contracts/compatibility-verdict';
import { upcasters } from '@recourse/contracts/upcasters';

/**
 * The golden files, `contracts/golden`: for each version that a type ever had a record as a log held it, and the
 * schema that it was written with. They are never changed, only added to.
 */

/** A record as a log held it; `data` makes the very JSON text that its checksum covers. */
export type GoldenEvent = {
  readonly kind: 'event';
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly time: number;
  readonly correlation: string;
  readonly causation: string;
  readonly crc: number;
  readonly data: unknown;
};

/** A command as a SagaAdvanced held it; there it has no version where that is 1. */
export type GoldenCommand = {
  readonly kind: 'command';
  readonly id: string;
  readonly type: string;
  readonly version: number;
  readonly data: unknown;
};

export type GoldenRecord = GoldenEvent | GoldenCommand;

const root = new URL('../../contracts/golden/', import.meta.url);
const folders = { schemas: new URL('schemas/', root), records: new URL('records/', root) };

/** The orders in the data folder below. Four of them were still open. */
export const oldOrders = 15;

/** Unpacks a data folder of the time of version 1 of everything, as a server had left it when it stopped. */
export const unpackOldData = (into: string): void => {
  const source = fileURLToPath(new URL('data-v1/', root));
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.gz')) continue;
    const path = join(into, dirname(file), basename(file, '.gz'));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, gunzipSync(readFileSync(join(source, file))));
  }
};

const jsonIn = (folder: URL): Map<string, unknown> =>
  new Map(
    readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .sort()
      .map((file) => [
        file.slice(0, -'.json'.length),
        JSON.parse(readFileSync(new URL(file, folder), 'utf8')),
      ]),
  );

/** Every golden record, by `<Type>.v<N>`. */
export const goldenRecords = () => jsonIn(folders.records) as Map<string, GoldenRecord>;

/** What the check compares with. */
export const goldenFiles = (): Kept => ({
  schemas: jsonIn(folders.schemas) as unknown as Kept['schemas'],
  records: new Set(goldenRecords().keys()),
  upcasters: Object.fromEntries(Object.entries(upcasters).map(([type, { length }]) => [type, length])),
});

/** Writes a golden file, one a version. */
export const writeGolden = (
  folder: keyof typeof folders,
  { type, version }: { readonly type: string; readonly version: number },
  content: unknown,
): void => {
  const path = new URL(`${goldenName(type, version)}.json`, folders[folder]);
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
};
