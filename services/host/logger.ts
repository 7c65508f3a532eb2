import { type Logger, pino } from 'pino';
import pretty from 'pino-pretty';
import type { Config } from './config.ts';

const stderr = 2;

/**
 * The log of a running server, on stderr: a JSON object a line, or lines for people (`auto`: when stderr is a
 * terminal). Personal data is struck out wherever it could come in.
 */
export const openLogger = ({ logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>): Logger => {
  const forPeople = logFormat === 'pretty' || (logFormat === 'auto' && process.stderr.isTTY === true);
  const destination = forPeople
    ? pretty({ destination: stderr, sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' })
    : pino.destination({ dest: stderr, sync: true });
  return pino({ level: logLevel, base: null, redact: personal }, destination);
};

const personal = [
  'paymentToken',
  'customerId',
  '*.paymentToken',
  '*.customerId',
  '*.*.paymentToken',
  '*.*.customerId',
];
