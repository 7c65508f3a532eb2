import { servedCountriesDefault } from '@recourse/shipping/test-countries';
import { z } from 'zod';
import { type Setting, trueOrFalse, wholeNumber } from './kinds.ts';

const countriesCountMax = 500;

/** What is simulated: the payment provider, the carrier, and the first stock. */
export const simulated = {
  gatewayLatencyMs: wholeNumber(0, 60_000, {
    variable: 'GATEWAY_LATENCY_MS',
    default: '0',
    unit: 'ms',
    sentence: 'How long the simulated payment provider takes for a call.',
  }),
  carrierLatencyMs: wholeNumber(0, 60_000, {
    variable: 'CARRIER_LATENCY_MS',
    default: '0',
    unit: 'ms',
    sentence: 'How long the simulated carrier takes for a call.',
  }),
  slowMs: wholeNumber(0, 600_000, {
    variable: 'SLOW_MS',
    default: '3000',
    unit: 'ms',
    sentence: 'How long the simulated provider and carrier take for a call that is asked to be slow.',
  }),
  carrierCountries: {
    variable: 'CARRIER_COUNTRIES',
    default: servedCountriesDefault.join(','),
    unit: 'names',
    sentence: 'The countries that the simulated carrier serves, by the names that orders use; * serves all.',
    allowed: `* or 1 to ${countriesCountMax} names of 1 to 64 characters, separated by commas`,
    schema: z
      .string()
      .transform((text) => text.split(',').map((name) => name.trim()))
      .pipe(z.array(z.string().min(1).max(64)).min(1).max(countriesCountMax)),
  },
  demoStock: trueOrFalse({
    variable: 'DEMO_STOCK',
    default: 'true',
    unit: 'true or false',
    sentence: 'Puts a small catalogue with stock into an empty data folder.',
  }),
} as const satisfies Record<string, Setting>;
