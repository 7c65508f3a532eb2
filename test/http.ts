import { Agent } from 'undici';

/** How tests speak over HTTP. */

/** Far below the 65 s for which a server keeps a connection open that says nothing. */
const reusedMsMax = 4_000;

/**
 * Connections that are used again for a few seconds only. The usual ones are used again for nearly as long as the server
 * keeps them: one that is late by three seconds then closes what it was just sent a request on (ECONNRESET), and nobody
 * knows whether it was read. So what still breaks are connections to a process that was killed, has stopped, or stood
 * still for about a minute.
 */
const connections = new Agent({ keepAliveTimeout: reusedMsMax, keepAliveMaxTimeout: reusedMsMax });
// Node's fetch has types of an undici of its own.
const dispatcher = connections as unknown as NonNullable<RequestInit['dispatcher']>;

/** `fetch`, for tests that may be silent for long between two requests. It sends nothing twice. */
export const ask = (url: string, init: RequestInit = {}): Promise<Response> =>
  fetch(url, { ...init, dispatcher });
