import type { AsOf } from './asked.ts';
import type { Page, PageWish } from './page.ts';

/** What the main thread says to the threads of queries, and hears from them. */

/** What both are started with. */
export type ThreadSetup = {
  /** The log's file. */
  readonly logPath: string;
};

/** What a thread that folds is started with. */
export type FoldSetup = ThreadSetup & {
  /** Of its own: the projection's file is made in it. */
  readonly folder: string;
  readonly projection: string;
  readonly upTo: number;
};

/** From a thread that folds; the last message is `folded` or `failed`. */
export type FromFold =
  | { readonly kind: 'progress'; readonly position: number }
  | { readonly kind: 'folded'; readonly path: string }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** What went wrong in a thread, as far as callers may know it. */
export type Failure = {
  readonly code: 'no-space' | 'damaged' | 'fold-threw' | 'rebuilding' | 'failed';
  readonly message: string;
};

/** Which file is read: the one that serves a projection, or one that was folded for a query. */
export type Source =
  | { readonly projection: string; readonly folder: string }
  | { readonly projection: string; readonly path: string };

/** To the thread that reads. */
export type Question =
  | { readonly kind: 'moment'; readonly asOf: AsOf }
  | { readonly kind: 'page'; readonly source: Source; readonly wish: PageWish };

/** A moment as the log has it: the last record up to it, 0 and null where there is none; and how the log ends. */
export type FoundMoment = {
  readonly position: number;
  readonly head: number;
  /** The time of the log's last record; milliseconds since 1970. */
  readonly headTime: number | null;
};

/** A page, and what it shows. */
export type FoundPage = Page & {
  readonly version: number;
  readonly position: number;
  readonly time: number | null;
};

/** What each question is answered with. */
export type Found = { readonly moment: FoundMoment; readonly page: FoundPage };

export type ToReader = { readonly id: number; readonly question: Question };
export type FromReader =
  | { readonly id: number; readonly found: FoundMoment | FoundPage }
  | { readonly id: number; readonly failure: Failure };
