/** How the simulated gateway treats a payment token. */
export type GatewayBehaviour = {
  /** Why it declines; it accepts where this is not set. */
  readonly declines?: string;
  /** The first call is carried out, and its answer lost. */
  readonly losesFirstAnswer?: boolean;
  /** Answers after `slowMs`. */
  readonly slow?: boolean;
  /** So many calls with one key do not reach the provider. */
  readonly chargesDown?: number;
  readonly refundsDown?: number;
};

/**
 * The test tokens, as payment providers have them: which token makes what happen. `<n>` stands for a number of calls
 * with one key. `:anything` may follow a token, and changes nothing. A token that is not listed is declined.
 */
export const testTokens = [
  { token: 'tok_accepted', does: 'accepts' },
  { token: 'tok_declined', does: 'declines' },
  { token: 'tok_answer_lost', does: 'charges at the first call and loses the answer; a repeat tells it' },
  { token: 'tok_slow', does: 'accepts, after a while (`slowMs`)' },
  { token: 'tok_down', does: 'is never reachable' },
  { token: 'tok_down_<n>', does: 'is not reachable for the first n calls, then accepts' },
  { token: 'tok_refund_down', does: 'accepts; refunds are never reachable' },
  { token: 'tok_refund_down_<n>', does: 'accepts; refunds are not reachable for the first n calls' },
] as const;

/** What a token makes happen. */
export const behaviourOf = (paymentToken: string): GatewayBehaviour => {
  const [token = ''] = paymentToken.split(':', 1);
  const known = fixed.get(token);
  if (known !== undefined) return known;
  const counted = /^tok_(refund_)?down_(\d{1,6})$/.exec(token);
  if (counted === null) return unknownToken;
  const calls = Number(counted[2]);
  return counted[1] === undefined ? { chargesDown: calls } : { refundsDown: calls };
};

const unknownToken: GatewayBehaviour = { declines: 'unknown-token' };

const fixed = new Map<string, GatewayBehaviour>([
  ['tok_accepted', {}],
  ['tok_declined', { declines: 'card-declined' }],
  ['tok_answer_lost', { losesFirstAnswer: true }],
  ['tok_slow', { slow: true }],
  ['tok_down', { chargesDown: Number.POSITIVE_INFINITY }],
  ['tok_refund_down', { refundsDown: Number.POSITIVE_INFINITY }],
]);
