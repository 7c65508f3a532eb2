import { knownVersion, sagaVersions } from '@recourse/sagas/machines';
import { z } from 'zod';
import { delays, oneOf, type Setting, wholeNumber } from './kinds.ts';

/** How orders go their way. */
export const sagas = {
  sagaVersion: {
    ...oneOf(sagaVersions.map(String) as [string, ...string[]], {
      variable: 'SAGA_VERSION',
      default: '1',
      unit: 'version',
      sentence: 'The version of the saga on which new orders begin; open ones stay on theirs.',
    }),
    schema: z.enum(sagaVersions.map(String)).transform((text) => knownVersion(Number(text))),
  },
  sagaRampPercent: wholeNumber(0, 100, {
    variable: 'SAGA_RAMP_PERCENT',
    default: '100',
    unit: 'percent',
    sentence: 'How many new orders of a hundred begin on SAGA_VERSION; the others, on the version before.',
  }),
  orderDeadlineMs: wholeNumber(1_000, 2_000_000_000, {
    variable: 'ORDER_DEADLINE_MS',
    default: '300000',
    unit: 'ms',
    sentence: 'An order still open after that is flagged for a person.',
  }),
  askDelaysMs: delays({
    variable: 'ASK_DELAYS_MS',
    default: '1000,2000,5000,10000,20000',
    unit: 'ms',
    sentence:
      'After which delays a command is asked again, each in turn, the last one again and again; after five asks that counted the outcome is unknown.',
  }),
  callMsMax: wholeNumber(1, 60_000, {
    variable: 'CALL_MS_MAX',
    default: '5000',
    unit: 'ms',
    sentence: 'The longest that one call to the payment provider or the carrier may take.',
  }),
} as const satisfies Record<string, Setting>;
