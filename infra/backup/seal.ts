import { createHash } from 'node:crypto';
import type { BackupManifest } from '@recourse/contracts/backup';

const sumOf = (it: Omit<BackupManifest, 'sum'>): string => {
  const { format, recourse, createdAt, position, files } = it;
  const text = JSON.stringify({ format, recourse, createdAt, position, files });
  return createHash('sha256').update(text).digest('hex');
};

/** A manifest with its own sum, so that it shows where it was edited. */
export const sealed = (it: Omit<BackupManifest, 'sum'>): BackupManifest => ({ ...it, sum: sumOf(it) });

/** Whether a manifest is as it was written. */
export const isSealed = (it: BackupManifest): boolean => it.sum === sumOf(it);
