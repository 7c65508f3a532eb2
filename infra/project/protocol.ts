import type { Pace, ProjectionStatus, Refusal } from '../ports/read-models.ts';

/** What the main thread and the thread that fills the read models say to each other. */

/** What the thread is started with. */
export type ProjectorSetup = {
  /** The log's file. */
  readonly logPath: string;
  /** Where the read models' files are. */
  readonly folder: string;
  /** What the questions need besides; plain data. */
  readonly extra: unknown;
};

/** To the thread. `wake`: the log has grown. `rebuild`: is answered once it is on the disk that it was asked for. */
export type ToProjector =
  | { readonly kind: 'wake' }
  | { readonly kind: 'ask'; readonly id: number; readonly question: string }
  | {
      readonly kind: 'rebuild';
      readonly id: number;
      readonly names: readonly string[] | 'all';
      readonly pace: Pace;
    }
  | { readonly kind: 'close' };

/** From the thread. `progress` comes first once all files are there, and then whenever something has changed. */
export type FromProjector =
  | { readonly kind: 'progress'; readonly projections: readonly ProjectionStatus[] }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'refusal'; readonly id: number; readonly message: string; readonly code?: Refusal }
  | { readonly kind: 'failed'; readonly message: string };
