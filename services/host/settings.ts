import { databases } from './settings/databases.ts';
import { kafka } from './settings/kafka.ts';
import { type Setting, wholeNumber } from './settings/kinds.ts';
import { running } from './settings/running.ts';
import { sagas } from './settings/sagas.ts';
import { serving } from './settings/serving.ts';
import { sharing } from './settings/sharing.ts';
import { simulated } from './settings/simulated.ts';

export type { Setting } from './settings/kinds.ts';
export { roles } from './settings/sharing.ts';

/**
 * All settings, in the order in which they are listed. Each is one line of text from a flag, the environment or its
 * default; its schema reads that text, and `allowed` says to people what the schema takes.
 */
export const settings = {
  ...serving,
  ...sagas,
  ...simulated,
  ...running,
  ...sharing,
  ...kafka,
  ...databases,
  relayShards: wholeNumber(1, 256, {
    variable: 'RELAY_SHARDS',
    default: '8',
    unit: 'shards',
    sentence: 'Into how many shards the relays share the orders; never changed while some run.',
  }),
} as const satisfies Record<string, Setting>;
