import { Foreign } from '@recourse/contracts/answers';
import { z } from 'zod';
import { type Setting, trueOrFalse, wholeNumber } from './kinds.ts';

/** What runs in a process, as `--role` names it. */
export const roles = [
  'api',
  'orchestrator',
  'relay',
  'ingest',
  'projector',
  'timers',
  'order',
  'payment',
  'inventory',
  'shipping',
] as const;
export type Role = (typeof roles)[number];

/** Who does what in a distributed installation, and how it begins. */
export const sharing = {
  role: {
    variable: 'ROLE',
    default: 'all',
    unit: 'names',
    sentence:
      'What this process does of a distributed installation; without Kafka one process does everything.',
    allowed: `all, or some of ${roles.join(', ')}, separated by commas`,
    schema: z
      .string()
      .transform((text) => (text === 'all' ? [...roles] : text.split(',').map((name) => name.trim())))
      .pipe(z.array(z.enum(roles)).min(1))
      .transform((names): ReadonlySet<Role> => new Set(names)),
  },
  foreign: {
    variable: 'FOREIGN',
    default: '',
    unit: 'names',
    sentence:
      'Participants that are somebody else’s program, which answers on their replies topic: no process of Recourse obeys their commands. Orders and stock are always Recourse’s own.',
    allowed: 'some of payment, shipping, separated by commas',
    schema: z
      .string()
      .transform((text) => (text === '' ? [] : text.split(',').map((name) => name.trim())))
      .pipe(z.array(Foreign))
      .transform((names): ReadonlySet<Foreign> => new Set(names)),
  },
  development: trueOrFalse({
    variable: 'DEVELOPMENT',
    default: 'false',
    unit: 'true or false',
    sentence: 'Accepts a Kafka whose settings could lose data, as one of a single broker for development.',
  }),
  startWaitMsMax: wholeNumber(0, 3_600_000, {
    variable: 'START_WAIT_MS_MAX',
    default: '60000',
    unit: 'ms',
    sentence: 'How long a process waits at its start for Kafka and the databases, before it gives up.',
  }),
} as const satisfies Record<string, Setting>;
