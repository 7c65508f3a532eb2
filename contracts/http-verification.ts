import { z } from 'zod';
import { Position } from './http.ts';

const Time = z.iso.datetime();

/** A verification: what is looked at, what is found, and the verdict. */

/**
 * `damage`: the log is not what was written. `drift`: something that follows from the log does not agree with it.
 * `unchecked`: it could not be judged. `note`: as it may be, and worth knowing.
 */
const FindingKind = z.enum(['damage', 'drift', 'unchecked', 'note']);

const VerificationFinding = z
  .strictObject({
    kind: FindingKind,
    /** Does not change. */
    code: z.string(),
    /** What it is about: a record, a stream, a row, a command. */
    subject: z.string(),
    /** A sentence that names position, stream, revision, row or key. */
    detail: z.string(),
  })
  .meta({ id: 'VerificationFinding' });
export type VerificationFinding = z.infer<typeof VerificationFinding>;

const VerificationCheck = z
  .strictObject({
    name: z.enum(['log', 'models', 'sagas', 'commands', 'ledger']),
    /** How much was looked at, by what it is. */
    looked: z.record(z.string(), z.int()),
    /** How many findings of each kind there are, listed or not. */
    counts: z.record(FindingKind, z.int()),
    /** The first hundred of each kind. */
    findings: z.array(VerificationFinding),
  })
  .meta({ id: 'VerificationCheck' });
export type VerificationCheck = z.infer<typeof VerificationCheck>;

/** `incomplete`: neither damage nor drift was found, and something could not be judged. */
const Verdict = z.enum(['clean', 'drift', 'damage', 'incomplete']);
export type Verdict = z.infer<typeof Verdict>;

/** `POST /verifications` and `GET /verifications/:id`. */
export const Verification = z
  .strictObject({
    verificationId: z.uuid(),
    state: z.enum(['running', 'done', 'failed']),
    startedAt: Time,
    endedAt: Time.nullable(),
    /** The log's head at the start: what came after it is not looked at. */
    head: Position,
    progress: z.strictObject({
      /** Events looked at so far, and how many there are. */
      events: z.int(),
      total: z.int(),
      eventsPerSecond: z.int(),
      /** Null before it can be told. */
      secondsLeft: z.int().nullable(),
    }),
    /** Null until it is done. */
    verdict: Verdict.nullable(),
    /** Empty until it is done. */
    checks: z.array(VerificationCheck),
    /** Why it failed: it could not be done. */
    error: z.string().nullable(),
  })
  .meta({ id: 'Verification' });
export type Verification = z.infer<typeof Verification>;
