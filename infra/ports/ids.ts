/** Chance, as an input: fresh ids. */
export interface Ids {
  /** A new UUIDv7 (RFC 9562): sorts by the time it was made. */
  next(): string;
}
