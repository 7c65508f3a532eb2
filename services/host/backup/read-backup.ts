import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { BackupManifest, backupFormat, manifestName } from '@recourse/contracts/backup';
import { isSealed } from '@recourse/infra/backup/seal';
import { StartError } from '@recourse/infra/errors';
import { Parser, type ReadEntry } from 'tar';

/** What is done with a backup while it is read and checked. */
export type BackupReader = {
  /** What it is, for messages: its path. */
  readonly name: string;
  /** The manifest, which comes first. What it throws ends the reading. */
  onManifest?(manifest: BackupManifest): void | Promise<void>;
  /** Takes a file's bytes, all of them. Without it they are only checked. */
  onFile?(name: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** Each part of the tar file as it is read, before it is looked at. */
  onChunk?(chunk: Uint8Array): void | Promise<void>;
};

/** A manifest takes some hundred bytes. */
const manifestBytesMax = 64 * 1024;

/**
 * Reads a backup from its first byte to its last and checks it against its manifest: every file there, none besides,
 * each with its size and its sum. Throws `StartError`: `backup-version` where it is of another format,
 * `backup-damaged` where it is not what was written; so nothing that was read may be used before this resolves.
 */
export const readBackup = async (
  source: AsyncIterable<Uint8Array>,
  reader: BackupReader,
): Promise<BackupManifest> => {
  const broken = brokenOf(reader.name);
  const reading = entriesOf(reader, broken);
  const parser = new Parser({ strict: true });
  const ended = new Promise<void>((resolve, reject) => {
    parser.on('end', resolve);
    parser.on('error', (error) => reject(broken((error as Error).message)));
  });
  const failed = Promise.race([ended, reading.failed]);
  failed.catch(() => {});
  parser.on('entry', reading.take);
  for await (const chunk of source) {
    await reader.onChunk?.(chunk);
    if (!parser.write(Buffer.from(chunk))) await Promise.race([once(parser, 'drain'), failed]);
  }
  parser.end();
  await failed;
  return reading.whole();
};

type Broken = (why: string) => StartError;

const brokenOf =
  (name: string): Broken =>
  (why) =>
    new StartError(
      'backup-damaged',
      `${name} is no whole backup: ${why}. Nothing was changed; take another.`,
    );

/** Takes the entries of a tar file in their order, one after the other. */
const entriesOf = (reader: BackupReader, broken: Broken) => {
  const failure = Promise.withResolvers<never>();
  const missing = new Map<string, BackupManifest['files'][number]>();
  let manifest: BackupManifest | undefined;
  let chain: Promise<void> = Promise.resolve();

  const takeManifest = async (entry: ReadEntry) => {
    if (entry.path !== manifestName || entry.size > manifestBytesMax)
      throw broken(`it does not begin with ${manifestName}`);
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk);
    manifest = manifestOf(Buffer.concat(chunks).toString('utf8'), reader.name, broken);
    for (const file of manifest.files) missing.set(file.name, file);
    await reader.onManifest?.(manifest);
  };

  const takeFile = async (entry: ReadEntry) => {
    const expected = missing.get(entry.path);
    if (expected === undefined || entry.type !== 'File') throw broken(`${entry.path} does not belong there`);
    missing.delete(entry.path);
    if (entry.size !== expected.bytes)
      throw broken(`${entry.path} has ${entry.size} bytes instead of ${expected.bytes}`);
    const sum = createHash('sha256');
    await (reader.onFile ?? pass)(expected.name, summing(entry, sum));
    if (sum.digest('hex') !== expected.sha256) throw broken(`${entry.path} is not what was written`);
  };

  return {
    failed: failure.promise,
    take: (entry: ReadEntry) => {
      chain = chain.then(() => (manifest === undefined ? takeManifest(entry) : takeFile(entry)));
      chain.catch(failure.reject);
    },
    /** Its manifest, once all has been taken. */
    whole: async (): Promise<BackupManifest> => {
      await chain;
      if (manifest === undefined) throw broken(`it does not begin with ${manifestName}`);
      const [first] = missing.keys();
      if (first !== undefined) throw broken(`${first} is missing`);
      return manifest;
    },
  };
};

const pass = async (_name: string, chunks: AsyncIterable<Uint8Array>) => {
  for await (const _ of chunks);
};

async function* summing(chunks: AsyncIterable<Uint8Array>, sum: ReturnType<typeof createHash>) {
  for await (const chunk of chunks) {
    sum.update(chunk);
    yield chunk;
  }
}

const manifestOf = (text: string, name: string, broken: Broken): BackupManifest => {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw broken(`${manifestName} is no JSON`);
  }
  const { format, recourse } = (given ?? {}) as Partial<Record<'format' | 'recourse', unknown>>;
  if (Number.isInteger(format) && format !== backupFormat)
    throw new StartError(
      'backup-version',
      `${name} is a backup of format ${format}, made by Recourse ${recourse}; this one reads format ${backupFormat}: restore it with that one. Nothing was changed.`,
    );
  const read = BackupManifest.safeParse(given);
  if (!read.success || !isSealed(read.data)) throw broken(`${manifestName} is not what was written`);
  return read.data;
};
