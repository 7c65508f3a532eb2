import type { Finding, FindingCounts } from '@recourse/infra/log/verify-findings';
import type { BooksPaths } from '../projections/ledger-compare.ts';

/** What the two threads of a verification are started with, and what they say. */

/** What a thread is started with; each takes what it needs. */
export type VerifySetup = {
  /** What holds all of it. */
  readonly dataDir: string;
  /** The log's file, and the position up to which it is looked at. */
  readonly logPath: string;
  readonly head: number;
  /** Where the read models' files are, and a folder that the replay may fill. */
  readonly models: string;
  readonly scratch: string;
  readonly books: BooksPaths;
};

/** The checks, in the order in which they are reported. */
export const checkNames = ['log', 'models', 'sagas', 'commands', 'ledger'] as const;
export type CheckName = (typeof checkNames)[number];

/** What one check has looked at and found. */
export type CheckResult = {
  readonly name: CheckName;
  readonly looked: Readonly<Record<string, number>>;
  readonly counts: FindingCounts;
  readonly findings: readonly Finding[];
};

/** From a thread: how far it is, and at the end what it found. */
export type FromVerifier =
  | { readonly kind: 'progress'; readonly position: number }
  | { readonly kind: 'done'; readonly checks: readonly CheckResult[] };
