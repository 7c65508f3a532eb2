/** How the simulated gateway treats a payment token. */
export type GatewayBehaviour = {
  /** Why it declines, charge or authorisation; it accepts where this is not set. */
  readonly declines?: string;
  /** The first call is carried out, and its answer lost: of a charge or an authorisation. */
  readonly losesFirstAnswer?: boolean;
  /** The same of a capture, of a void. */
  readonly losesCaptureAnswer?: boolean;
  readonly losesVoidAnswer?: boolean;
  /** Answers after `slowMs`. */
  readonly slow?: boolean;
  /** So many calls with one key do not reach the provider. The first is for charges and authorisations. */
  readonly chargesDown?: number;
  readonly refundsDown?: number;
  readonly capturesDown?: number;
  readonly voidsDown?: number;
};

/**
 * The test tokens, as payment providers have them: which token makes what happen. `<n>` stands for a number of calls
 * with one key. `:anything` may follow a token, and changes nothing. A token that is not listed is declined.
 */
export const testTokens = [
  { token: 'tok_accepted', does: 'accepts' },
  { token: 'tok_declined', does: 'declines' },
  { token: 'tok_answer_lost', does: 'charges or authorises at the first call and loses the answer' },
  { token: 'tok_slow', does: 'accepts, after a while (`slowMs`)' },
  { token: 'tok_down', does: 'is never reachable' },
  { token: 'tok_down_<n>', does: 'is not reachable for the first n calls, then accepts' },
  { token: 'tok_refund_down', does: 'accepts; refunds are never reachable' },
  { token: 'tok_refund_down_<n>', does: 'accepts; refunds are not reachable for the first n calls' },
  { token: 'tok_capture_down', does: 'accepts; captures are never reachable' },
  { token: 'tok_capture_down_<n>', does: 'accepts; captures are not reachable for the first n calls' },
  { token: 'tok_capture_answer_lost', does: 'accepts; captures at the first call and loses the answer' },
  { token: 'tok_void_down', does: 'accepts; voids are never reachable' },
  { token: 'tok_void_down_<n>', does: 'accepts; voids are not reachable for the first n calls' },
  { token: 'tok_void_answer_lost', does: 'accepts; voids at the first call and loses the answer' },
] as const;

/** What a token makes happen. */
export const behaviourOf = (paymentToken: string): GatewayBehaviour => {
  const [token = ''] = paymentToken.split(':', 1);
  const known = fixed.get(token);
  if (known !== undefined) return known;
  const counted = /^tok_(?:(refund|capture|void)_)?down_(\d{1,6})$/.exec(token);
  return counted === null ? unknownToken : { [downOf(counted[1])]: Number(counted[2]) };
};

const downOf = (call: string | undefined) => `${call ?? 'charge'}sDown` as const;

const unknownToken: GatewayBehaviour = { declines: 'unknown-token' };

const fixed = new Map<string, GatewayBehaviour>([
  ['tok_accepted', {}],
  ['tok_declined', { declines: 'card-declined' }],
  ['tok_answer_lost', { losesFirstAnswer: true }],
  ['tok_slow', { slow: true }],
  ['tok_down', { chargesDown: Number.POSITIVE_INFINITY }],
  ['tok_refund_down', { refundsDown: Number.POSITIVE_INFINITY }],
  ['tok_capture_down', { capturesDown: Number.POSITIVE_INFINITY }],
  ['tok_capture_answer_lost', { losesCaptureAnswer: true }],
  ['tok_void_down', { voidsDown: Number.POSITIVE_INFINITY }],
  ['tok_void_answer_lost', { losesVoidAnswer: true }],
]);

/** Why a call fails that does not get through. */
export const unreachable = 'the provider cannot be reached';
