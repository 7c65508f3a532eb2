import { z } from 'zod';
import { Position } from './http.ts';

/** What a backup is: a tar file with a manifest and the files of a data folder, all of one moment. */

/** Counts the changes of what is described here. A backup of another one is not read. */
export const backupFormat = 1;

/** The name of the manifest in the tar file, which it comes first in. */
export const manifestName = 'backup.json';

/** The databases of a data folder that are backed up, in their order; the log, by which all are judged, last. */
export const backupDatabases = [
  'delivery.db',
  'timers.db',
  'simulated/gateway.db',
  'simulated/carrier.db',
  'log.db',
] as const;

/** What else is: whether the folder was imported or moved, and the charts of the machines that it was last started with. */
export const backupNote = /^(?:(?:imported|moved)\.json|machines\/[a-z0-9-]{1,64}\.json)$/;

/** The name of a file in a backup. */
const BackupFile = z.union([z.enum(backupDatabases), z.string().regex(backupNote)]);

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** The manifest of a backup. */
export const BackupManifest = z.strictObject({
  format: z.literal(backupFormat),
  /** The version of the Recourse that made it. */
  recourse: z.string(),
  createdAt: z.iso.datetime(),
  /** The position of the last record of its log. */
  position: Position,
  files: z.array(z.strictObject({ name: BackupFile, bytes: z.int().min(0), sha256: Sha256 })),
  /** SHA-256 of everything else here, written as JSON in this order. */
  sum: Sha256,
});
export type BackupManifest = z.infer<typeof BackupManifest>;
