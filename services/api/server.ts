import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { ProblemError, problemAnswer } from './problem.ts';

/** How long a request may take to arrive: its headers, and all of it. How long it is answered does not count. */
const arrival = { headersMsMax: 5_000, requestMsMax: 10_000, checkEveryMs: 1_000 };

/** How long a connection may be silent between two requests. */
const keepAliveMs = 65_000;

/** It is closed so much later than clients are told: a server that is late must not close what was just used again. */
const keepAliveSlackMs = 10_000;

/**
 * The HTTP server of the API, not listening yet. It bounds how long a request may take to arrive (looking every
 * `checkEveryMs`): late headers, and what is no HTTP, are answered with a problem, too; late bodies are cut off.
 */
export const createApiServer = (answer: RequestListener, limits = arrival): Server => {
  const server = createServer(
    {
      headersTimeout: limits.headersMsMax,
      requestTimeout: limits.requestMsMax,
      connectionsCheckingInterval: limits.checkEveryMs,
      keepAliveTimeout: keepAliveMs,
      keepAliveTimeoutBuffer: keepAliveSlackMs,
    },
    answer,
  );
  server.on('clientError', refuse);
  return server;
};

const details: Partial<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'The request took too long to arrive.',
  HPE_HEADER_OVERFLOW: 'The headers are too large.',
};

/** Answers what Node's parser refuses: it never becomes a request. */
const refuse = (error: Error & { readonly code?: string }, socket: Socket): void => {
  // Where one is being answered, this would be taken for its answer, or for a part of it.
  const midAnswer = (socket as Socket & { readonly _httpMessage?: unknown })._httpMessage != null;
  if (!socket.writable || midAnswer) return void socket.destroy();
  const detail = details[error.code ?? ''] ?? 'This is no HTTP request.';
  const { status, body } = problemAnswer(new ProblemError('invalid-request', detail), '');
  const text = JSON.stringify({ ...body, instance: undefined });
  socket.end(
    [
      `HTTP/1.1 ${status} Bad Request`,
      'Connection: close',
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(text)}`,
      '',
      text,
    ].join('\r\n'),
  );
};
