import pg from 'pg';
import { UnavailableError } from '../errors.ts';

/**
 * Classes and codes of SQLSTATE that say nothing of the statement: connection lost, resources used up, given up by an
 * operator or a timeout (also of a transaction whose process was paused in its midst), deadlock, a server that only
 * reads (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const unavailable = /^(08|53|57|58|40|55P03|25006|25P03|25P04|XX001|XX002)/;

/**
 * Codes that say that who we are, or what we may do, is wrong: a start gives up on them. While we run it was right
 * before, and a person will put it right: that must be no message's fault.
 */
const refused = /^(28|3D000|42501)/;

/** What PostgreSQL rejected with, as our errors: what belongs to no statement is an `UnavailableError`. */
export const postgresError = (error: unknown): unknown => {
  if (error instanceof UnavailableError) return error;
  if (error instanceof pg.DatabaseError) {
    const { code = '', message } = error;
    if (refused.test(code))
      return new UnavailableError(`PostgreSQL refuses us: ${message}`, { cause: error });
    return unavailable.test(code) ? new UnavailableError(`PostgreSQL: ${message}`, { cause: error }) : error;
  }
  const message = error instanceof Error && error.message !== '' ? error.message : String(error);
  return new UnavailableError(`PostgreSQL: ${message}`, { cause: error });
};

/** Whether the server has refused who we say we are, what we may do, or the database that we ask for. */
export const isRefusal = (error: unknown): error is Error =>
  (error instanceof UnavailableError && isRefusal(error.cause)) ||
  (error instanceof pg.DatabaseError && refused.test(error.code ?? ''));
