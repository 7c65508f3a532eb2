import { readFileSync } from 'node:fs';
import type { ChannelCredentialOptions, EventStoreDBClient } from '@eventstore/db-client';
import { StartError } from '../errors.ts';

/** What a client is made with. */
export type ClientSettings = {
  readonly connection: ConstructorParameters<typeof EventStoreDBClient>[0];
  readonly channel: ChannelCredentialOptions;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** Options of the connection string that nobody knows. */
  readonly ignored: readonly string[];
};

const portByDefault = 2113;

const shape =
  /^(?:esdb|kurrentdb)(?<discover>\+discover)?:\/\/(?:(?<username>[^:@/?]*):(?<password>[^@/?]*)@)?(?<hosts>[^@/?]+)\/?(?:\?(?<options>.*))?$/i;

/** Never says what was given: it may hold a password. */
const wrong = (what: string): StartError =>
  new StartError('eventstore-url', `EVENTSTORE_URL cannot be used: ${what}.`);

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong('a percent sign in it must be followed by two hexadecimal digits (%25 is the sign itself)');
  }
};

const endpointOf = (host: string) => {
  const [, address, port = String(portByDefault)] = /^([^:]+)(?::(\d{1,5}))?$/.exec(host) ?? [];
  if (address === undefined || Number(port) > 65_535)
    throw wrong('each host must be a name, or a name and a port');
  return { address, port: Number(port) };
};

const numbers = {
  keepaliveinterval: 'keepAliveInterval',
  keepalivetimeout: 'keepAliveTimeout',
  discoveryinterval: 'discoveryInterval',
  gossiptimeout: 'gossipTimeout',
  maxdiscoverattempts: 'maxDiscoverAttempts',
  defaultdeadline: 'defaultDeadline',
} as const;

const files = {
  tlscafile: 'rootCertificate',
  usercertfile: 'userCertFile',
  userkeyfile: 'userKeyFile',
} as const;

/** Options that must stand as they are, and why. */
const fixed: Readonly<Record<string, readonly [only: string, because: string]>> = {
  nodepreference: ['leader', 'what was just written must be read'],
  throwonappendfailure: ['true', 'a refused append must be known'],
  tlsverifycert: ['true', 'the client cannot do without: name the certificate in tlsCAFile'],
};

const fileOf = (name: string, path: string): Buffer => {
  try {
    return readFileSync(path);
  } catch (error) {
    throw wrong(`the file of ${name} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
};

const isKey = <T extends object>(key: string, of: T): key is keyof T & string => Object.hasOwn(of, key);

/**
 * What a connection string says: `esdb://user:password@host:port?tls=true`, with `+discover` or several hosts for a
 * cluster; `kurrentdb` means the same. It is read here and not by the client's own parser, which prints the string
 * with its password where it does not like it. Throws a `StartError` that never says what was given.
 */
export const clientSettings = (url: string): ClientSettings => {
  const parts = shape.exec(url.trim())?.groups;
  if (parts === undefined)
    throw wrong(
      'it must be esdb://user:password@host:port?tls=true (or esdb+discover, kurrentdb, kurrentdb+discover)',
    );
  const hosts = parts.hosts!.split(',').map(endpointOf);
  const options: Record<string, string | number> = { connectionName: 'recourse' };
  const channel: ChannelCredentialOptions = {};
  const ignored: string[] = [];
  for (const [name, value] of new URLSearchParams(parts.options ?? '')) {
    const key = name.toLowerCase().replaceAll(/[_-]/g, '');
    if (key === 'tls') channel.insecure = value === 'false';
    else if (key === 'connectionname') options.connectionName = value;
    else if (isKey(key, files)) channel[files[key]] = fileOf(name, value);
    else if (isKey(key, numbers)) {
      if (!/^-?\d{1,9}$/.test(value)) throw wrong(`${name} must be a whole number`);
      options[numbers[key]] = Number(value);
    } else if (isKey(key, fixed)) {
      const [only, because] = fixed[key]!;
      if (value !== only) throw wrong(`${name} must be ${only}: ${because}`);
    } else ignored.push(name);
  }
  const [first] = hosts as [(typeof hosts)[number]];
  const where =
    hosts.length > 1
      ? { endpoints: hosts }
      : parts.discover === undefined
        ? { endpoint: first }
        : { discover: first };
  const { username = '', password = '' } = parts;
  return {
    connection: { ...options, ...where } as ClientSettings['connection'],
    channel: { insecure: false, ...channel },
    credentials: username === '' ? undefined : { username: decoded(username), password: decoded(password) },
    ignored,
  };
};
