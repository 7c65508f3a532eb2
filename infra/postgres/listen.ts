import type pg from 'pg';
import type { Logger } from 'pino';
import type { Clock } from '../ports/clock.ts';
import { sleep } from '../ports/clock.ts';
import type { Subscription } from '../ports/event-log.ts';

/** How long it waits before it connects again. */
const reconnectMs = 250;
/** A connection that is dead without saying so is found by asking. */
const probeEveryMs = 5_000;

/** Hears notices on one connection; connects again whenever it breaks. `undefined`: some may have been missed. */
export const listening = (
  connect: () => pg.Client,
  channel: string,
  onNotice: (payload: string | undefined) => void,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Subscription => {
  const closing = new AbortController();
  const { signal } = closing;

  /** Resolves when the connection is no more, or is not wanted any more, be it there already or not. */
  const hear = async (): Promise<void> => {
    const client = connect();
    const broken = Promise.withResolvers<void>();
    client.on('error', () => broken.resolve());
    client.on('end', () => broken.resolve());
    client.on('notification', ({ payload }) => onNotice(payload ?? ''));
    let cancelProbe = () => {};
    let over = false;
    const probe = () => {
      if (over) return;
      cancelProbe = clock.after(probeEveryMs, () => {
        client.query('select 1').then(probe, () => broken.resolve());
      });
    };
    const stop = () => broken.resolve();
    const begin = async () => {
      await client.connect();
      await client.query(`listen ${client.escapeIdentifier(channel)}`);
      if (over) return;
      onNotice(undefined);
      probe();
    };
    signal.addEventListener('abort', stop);
    try {
      await Promise.race([begin(), broken.promise]);
      await broken.promise;
    } finally {
      over = true;
      cancelProbe();
      signal.removeEventListener('abort', stop);
      void client.end().catch(() => {});
    }
  };

  const listen = async () => {
    while (!signal.aborted) {
      await hear().catch((error: unknown) => logger.debug({ err: error, channel }, 'cannot hear PostgreSQL'));
      if (!signal.aborted) await sleep(clock, reconnectMs, signal);
    }
  };
  const listened = listen();

  return {
    close: async () => {
      closing.abort();
      await listened;
    },
  };
};
