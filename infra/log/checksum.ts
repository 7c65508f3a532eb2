import { crc32c } from '@node-rs/crc32';

/** What a record's checksum covers: everything but its position, its data as the JSON text that is stored. */
export type Checked = {
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly correlation: string;
  readonly causation: string;
};

/**
 * CRC32C (RFC 3720, appendix B.4) of a record, as a signed 32-bit integer: of its fields in the order of `Checked`
 * and its data, in UTF-8, with a line feed between them. It does not cover the position, so a record keeps it
 * wherever it is moved, restored or imported to.
 */
export const checksum = (it: Checked, data: string): number =>
  crc32c(
    `${it.stream}\n${it.revision}\n${it.id}\n${it.type}\n${it.version}\n${it.time}\n${it.correlation}\n${it.causation}\n${data}`,
  ) | 0;

/**
 * As `checksum`, of all but the time: for a store that stamps the time itself, after its writer has made the sum. Of
 * such a record a wrong time goes unnoticed.
 */
export const checksumWithoutTime = (it: Omit<Checked, 'time'>, data: string): number =>
  crc32c(
    `${it.stream}\n${it.revision}\n${it.id}\n${it.type}\n${it.version}\n${it.correlation}\n${it.causation}\n${data}`,
  ) | 0;
