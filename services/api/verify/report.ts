import type { Verdict, VerificationCheck } from '@recourse/contracts/http-verification';
import { type CheckResult, checkNames } from './protocol.ts';

/** The worst that was found decides. */
export const verdictOf = (checks: readonly CheckResult[]): Verdict => {
  const some = (kind: 'damage' | 'drift' | 'unchecked') => checks.some(({ counts }) => counts[kind] > 0);
  if (some('damage')) return 'damage';
  if (some('drift')) return 'drift';
  return some('unchecked') ? 'incomplete' : 'clean';
};

/** The checks as they are shown, in their order. */
export const shownChecks = (checks: readonly CheckResult[]): VerificationCheck[] =>
  checks
    .toSorted((a, b) => checkNames.indexOf(a.name) - checkNames.indexOf(b.name))
    .map(({ name, looked, counts, findings }) => ({ name, looked, counts, findings: [...findings] }));
