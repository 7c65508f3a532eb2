import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { isPassing, isRefusal } from './crashes.ts';
import { isForPeople } from './kafka-errors.ts';

/** As the client library makes them, where it says who we are: all that is left of what went wrong is its words. */
const library = createRequire(import.meta.url);
type Made = new (message: string, options?: { readonly cause: Error }) => Error;
const errors = library('kafkajs/src/errors.js') as Readonly<Record<string, Made>>;
const { createErrorFromCode } = library('kafkajs/src/protocol/error.js') as {
  readonly createErrorFromCode: (code: number) => Error;
};
const login = (words: string) => new errors.KafkaJSSASLAuthenticationError!(words);
/** What a consumer dies of. */
const crash = (cause: Error) => new errors.KafkaJSNonRetriableError!(cause.message, { cause });

const mechanisms = ['PLAIN', 'SCRAM SHA256', 'SCRAM SHA512'];

describe('a login', () => {
  it.each([
    'Closed connection',
    'Connection timeout',
    'Connection error: read ECONNRESET',
    'Connection error: connect ECONNREFUSED 127.0.0.1:9092',
    'Not connected',
    'Request SaslAuthenticate(key: 36, version: 1) timed out',
  ])('that ended with "%s" is no refusal: it passes', (words) => {
    for (const mechanism of mechanisms) {
      const error = login(`SASL ${mechanism} authentication failed: ${words}`);
      for (const it of [error, crash(error)])
        expect([isRefusal(it), isPassing(it), isForPeople(it)]).toEqual([false, true, false]);
    }
  });

  it.each([
    'SASL PLAIN authentication failed: Authentication failed: Invalid username or password',
    'SASL SCRAM SHA256 authentication failed: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256',
    'SASL SCRAM SHA512 authentication failed: SASL Authentication failed',
    'SASL SCRAM SHA512 authentication failed: Invalid server signature in server final message',
    'SASL SCRAM SHA256 authentication failed: Requested iterations 1 is less than the minimum 4096',
    'SASL PLAIN authentication failed: Connection closed by the server',
    'SASL Plain: Invalid username or password',
    'SASL SCRAM-SHA-512 mechanism is not supported by the server',
  ])('that ended with "%s" is refused', (words) => {
    for (const it of [login(words), crash(login(words))])
      expect([isRefusal(it), isPassing(it), isForPeople(it)]).toEqual([true, false, true]);
  });
});

it.each([
  ['TOPIC_AUTHORIZATION_FAILED', 29, true],
  ['GROUP_AUTHORIZATION_FAILED', 30, true],
  ['UNSUPPORTED_SASL_MECHANISM', 33, true],
  ['NOT_COORDINATOR_FOR_GROUP', 16, false],
])('%s: whether it is a refusal', (_, code, refusal) => {
  const error = createErrorFromCode(code);
  expect([isRefusal(error), isPassing(error)]).toEqual([refusal, !refusal]);
});
