import { z } from 'zod';
import { optional, type Setting, urlOf, wholeNumber } from './kinds.ts';

/** How the databases of a distributed installation are reached. */
export const databases = {
  postgresUrl: {
    variable: 'POSTGRES_URL',
    default: '',
    unit: 'URL',
    sentence: 'The PostgreSQL database of a distributed installation.',
    allowed: 'postgres://user:password@host:port/database',
    schema: optional(urlOf(['postgres:', 'postgresql:'])),
    secret: true,
  },
  postgresSchema: {
    variable: 'POSTGRES_SCHEMA',
    default: 'recourse',
    unit: 'name',
    sentence: 'The schema that holds all tables.',
    allowed: '1 to 40 small letters, digits and underscores, a letter first',
    schema: z.string().regex(/^[a-z][a-z0-9_]{0,39}$/),
  },
  postgresConnectionsMax: wholeNumber(2, 200, {
    variable: 'POSTGRES_CONNECTIONS_MAX',
    default: '10',
    unit: 'connections',
    sentence:
      'The most connections of one process to PostgreSQL, besides four for the event log and a few that only listen.',
  }),
  eventstoreUrl: {
    variable: 'EVENTSTORE_URL',
    default: '',
    unit: 'URL',
    sentence: 'An EventStoreDB (KurrentDB) that keeps the event log; without it PostgreSQL keeps it.',
    allowed:
      'esdb://user:password@host:port?tls=true, or with esdb+discover, kurrentdb or kurrentdb+discover',
    schema: optional(z.string().regex(/^(esdb|kurrentdb)(\+discover)?:\/\/[^\s/?]+(\/?(\?\S*)?)$/)),
    secret: true,
  },
} as const satisfies Record<string, Setting>;
