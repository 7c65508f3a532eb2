import type { Topic } from '@recourse/contracts/registry';

/** A message that nobody can read: whose it is cannot be told, so no order waits for it. */
export type PoisonMessage = {
  readonly id: string;
  readonly topic: Topic;
  readonly partition: number;
  readonly offset: number;
  /** The group that met it first. */
  readonly group: string;
  readonly reason: string;
  /** Milliseconds since 1970: when the broker took it, and when it was met. */
  readonly time: number;
  readonly foundAt: number;
  /** As it came. */
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[];
};

/** Poison messages, for people. Each also stands whole on `<topic>.dlq`, where a program may want it. */
export interface PoisonMessages {
  /** Those that nobody has decided on, in the order in which they were met, after a cursor (the id of the last one seen). */
  list(options: { readonly after?: string; readonly max: number }): Promise<readonly PoisonMessage[]>;
  get(id: string): Promise<PoisonMessage | undefined>;
  /** Publishes its bytes to its topic again, for whoever can read them now. False where there is no such message. */
  redrive(id: string): Promise<boolean>;
  /** Takes it off the list, recorded with the note and who said so. False where there is no such message. */
  discard(id: string, note: string, by: string): Promise<boolean>;
  /** How many nobody has decided on. */
  count(): Promise<number>;
}
