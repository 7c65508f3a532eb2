import type { Verdict, VerificationCheck } from '@recourse/contracts/http-verification';
import { findingKinds } from '@recourse/infra/log/verify-findings';
import { type CheckResult, checkNames } from './protocol.ts';

/** The worst that was found decides. */
export const verdictOf = (checks: readonly CheckResult[]): Verdict => {
  const some = (kind: 'damage' | 'drift' | 'unchecked') => checks.some(({ counts }) => counts[kind] > 0);
  if (some('damage')) return 'damage';
  if (some('drift')) return 'drift';
  return some('unchecked') ? 'incomplete' : 'clean';
};

/** The checks as they are shown, in their order; what both threads have found of one stands together. */
export const shownChecks = (checks: readonly CheckResult[]): VerificationCheck[] =>
  checkNames.flatMap((name) => {
    const parts = checks.filter((check) => check.name === name);
    if (parts.length === 0) return [];
    const counts = { damage: 0, drift: 0, unchecked: 0, note: 0 };
    for (const part of parts) for (const kind of findingKinds) counts[kind] += part.counts[kind];
    const looked = Object.assign({}, ...parts.map((part) => part.looked)) as CheckResult['looked'];
    return [{ name, looked, counts, findings: parts.flatMap(({ findings }) => findings) }];
  });
