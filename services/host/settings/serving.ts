import { z } from 'zod';
import { type Setting, trueOrFalse, wholeNumber } from './kinds.ts';

/** Where it listens, where it keeps what it has, and when it takes no more. */
export const serving = {
  port: wholeNumber(0, 65_535, {
    variable: 'PORT',
    default: '3000',
    unit: 'TCP port',
    sentence: 'Where the HTTP API listens; 0 takes any free port.',
  }),
  host: {
    variable: 'HOST',
    default: '127.0.0.1',
    unit: 'address',
    sentence: 'The address it listens on; only loopback without --allow-unauthenticated.',
    allowed: 'an IP address or a host name',
    schema: z.union([
      z.ipv4(),
      z.ipv6(),
      z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/),
    ]),
  },
  dataDir: {
    variable: 'DATA_DIR',
    default: './data',
    unit: 'folder',
    sentence: 'Where everything is kept; made when it is missing.',
    allowed: 'the path of a folder',
    schema: z.string().min(1).max(4_096),
  },
  allowUnauthenticated: trueOrFalse({
    variable: 'ALLOW_UNAUTHENTICATED',
    default: 'false',
    unit: 'true or false',
    sentence: 'Listens on other addresses than loopback although nobody is asked who they are.',
  }),
  openOrdersMax: wholeNumber(1, 1_000_000, {
    variable: 'OPEN_ORDERS_MAX',
    default: '10000',
    unit: 'orders',
    sentence: 'With so many orders open a new one is answered 503 with Retry-After.',
  }),
} as const satisfies Record<string, Setting>;
