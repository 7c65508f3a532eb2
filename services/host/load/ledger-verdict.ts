import { Ledger } from '@recourse/contracts/http';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import type { Client } from '../client.ts';
import { type Send, succeeded } from './patience.ts';

const lookAgainMs = 250;
const catchUpMsMax = 60_000;

/** The ledger now. */
export const readLedger = async (client: Client, send: Send): Promise<Ledger> =>
  Ledger.parse(succeeded(client, await send('GET', '/ledger')).body);

const endedOf = ({ orders }: Ledger) => orders.completed + orders.cancelled;

/**
 * The ledger once it shows as many ended orders as there must be and has stopped moving: it is read from a read model
 * that follows the log. Also resolves with what it shows when it has not caught up within a minute (`behind`).
 */
export const settledLedger = async (
  client: Client,
  send: Send,
  clock: Clock,
  endedMin: number,
): Promise<{ readonly ledger: Ledger; readonly behind: boolean }> => {
  const beganAt = clock.monotonic();
  let before = await readLedger(client, send);
  for (;;) {
    await sleep(clock, lookAgainMs);
    const ledger = await readLedger(client, send);
    if (endedOf(ledger) >= endedMin && ledger.position === before.position) return { ledger, behind: false };
    if (clock.monotonic() - beganAt > catchUpMsMax) return { ledger, behind: endedOf(ledger) < endedMin };
    before = ledger;
  }
};

/** How many ended orders the ledger must show once `more` have ended. */
export const endedMinAfter = (before: Ledger, more: number): number => endedOf(before) + more;
