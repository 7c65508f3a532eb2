import { UnavailableError } from '../errors.ts';
import { isUnansweredLogin } from './kafka-errors.ts';

/** Verdicts on what a consumer of the library died of. */

/** What says that who we are, or what we may do, is wrong: trying again helps nobody. */
const refusals =
  /SASL|AUTHENTICATION|AUTHORIZATION|UNSUPPORTED_VERSION|INCONSISTENT_GROUP_PROTOCOL|INVALID_SESSION_TIMEOUT/i;
const passing = /Connection|NumberOfRetriesExceeded|Timeout|BrokerNotFound|NoBroker/;

type Crash = Error & { readonly type?: unknown; readonly retriable?: unknown };

const causesOf = (error: unknown): Crash[] =>
  error instanceof Error ? [error, ...causesOf(error.cause)] : [];

/** Whether only a person can heal it. */
export const isRefusal = (error: Error): boolean =>
  causesOf(error).some(
    (cause) => refusals.test(`${cause.name} ${String(cause.type)}`) && !isUnansweredLogin(cause),
  );

/** Whether it is of the kind that waiting heals: brokers that are away, or that change their parts. */
export const isPassing = (error: Error): boolean =>
  causesOf(error).some(
    (cause) =>
      cause instanceof UnavailableError ||
      passing.test(cause.name) ||
      cause.retriable === true ||
      isUnansweredLogin(cause),
  );
