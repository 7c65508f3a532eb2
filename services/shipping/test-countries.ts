/** How the simulated carrier treats a country. */
export type CarrierBehaviour = {
  /** Why it refuses; it ships where this is not set. */
  readonly refuses?: string;
  /** The first call ships, and its answer is lost. */
  readonly losesFirstAnswer?: boolean;
  /** The parcel is gone at once: a cancellation is refused. */
  readonly gone?: boolean;
  /** Answers after `slowMs`. */
  readonly slow?: boolean;
  /** So many calls to ship with one key do not reach the carrier. */
  readonly down?: number;
};

/**
 * The test countries: which country makes what happen, besides those that are served and those that are not. `<n>`
 * stands for a number of calls with one key. They are no codes of ISO 3166, which leaves ZZ to users.
 */
export const testCountries = [
  { country: 'ZZ-slow', does: 'ships, after a while (`slowMs`)' },
  { country: 'ZZ-answer-lost', does: 'ships at the first call and loses the answer; a repeat tells it' },
  { country: 'ZZ-gone', does: 'as ZZ-answer-lost, and a cancellation is refused: the parcel is gone' },
  { country: 'ZZ-down', does: 'is never reachable' },
  { country: 'ZZ-down-<n>', does: 'is not reachable for the first n calls, then ships' },
  { country: 'ZZ-refused', does: 'refuses' },
] as const;

/** Countries that are served unless configured otherwise: by name, as shops write them, and by code. */
export const servedCountriesDefault: readonly string[] = [
  ...['United Kingdom', 'GB', 'Germany', 'DE', 'France', 'FR', 'EIRE', 'Ireland', 'IE', 'Spain', 'ES'],
  ...['Netherlands', 'NL', 'Belgium', 'BE', 'Switzerland', 'CH', 'Portugal', 'PT', 'Italy', 'IT'],
  ...['Austria', 'AT', 'Denmark', 'DK', 'Sweden', 'SE', 'Norway', 'NO', 'Finland', 'FI', 'Poland', 'PL'],
  'Channel Islands',
];

/** What a country makes happen, where `served` names the countries served; `*` in it serves all of them. */
export const carrierBehaviour = (served: readonly string[]): ((country: string) => CarrierBehaviour) => {
  const names = new Set(served);
  const all = names.has('*');
  return (country) => {
    if (names.has(country)) return ships;
    const known = fixed.get(country);
    if (known !== undefined) return known;
    const counted = /^ZZ-down-(\d{1,6})$/.exec(country);
    if (counted !== null) return { down: Number(counted[1]) };
    return all ? ships : unserved;
  };
};

const ships: CarrierBehaviour = {};
const unserved: CarrierBehaviour = { refuses: 'country-not-served' };

const fixed = new Map<string, CarrierBehaviour>([
  ['ZZ-slow', { slow: true }],
  ['ZZ-answer-lost', { losesFirstAnswer: true }],
  ['ZZ-gone', { losesFirstAnswer: true, gone: true }],
  ['ZZ-down', { down: Number.POSITIVE_INFINITY }],
  ['ZZ-refused', { refuses: 'refused' }],
]);
