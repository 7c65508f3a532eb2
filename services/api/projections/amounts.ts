import { amountMax } from '@recourse/contracts/money';

/** Two amounts added up, in minor units; a sum beyond 2^53 − 1 stays there. */
export const amountsAdded = (a: number, b: number): number => Math.min(a + b, amountMax);
