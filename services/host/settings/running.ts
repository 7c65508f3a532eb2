import { delays, oneOf, type Setting, wholeNumber } from './kinds.ts';

/** How a process logs, waits, tries again and stops. */
export const running = {
  logLevel: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    variable: 'LOG_LEVEL',
    default: 'info',
    unit: 'level',
    sentence: 'What is logged, on stderr.',
  }),
  logFormat: oneOf(['auto', 'json', 'pretty'], {
    variable: 'LOG_FORMAT',
    default: 'auto',
    unit: 'format',
    sentence: 'How it is logged: a JSON object a line, or for people; auto is for people on a terminal.',
  }),
  shutdownMsMax: wholeNumber(100, 600_000, {
    variable: 'SHUTDOWN_MS_MAX',
    default: '10000',
    unit: 'ms',
    sentence: 'The longest that stopping may take; then the process leaves as it is.',
  }),
  retryDelaysMs: delays({
    variable: 'RETRY_DELAYS_MS',
    default: '1000,5000,20000,60000',
    unit: 'ms',
    sentence:
      'How long a message that could not be handled waits before each new try; then it is a dead letter.',
  }),
  waitSecondsMax: wholeNumber(1, 600, {
    variable: 'WAIT_SECONDS_MAX',
    default: '60',
    unit: 's',
    sentence: 'The longest that POST /orders waits for the end when asked to (Prefer: wait).',
  }),
} as const satisfies Record<string, Setting>;
