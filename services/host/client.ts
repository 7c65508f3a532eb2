import { types } from 'node:util';
import { Problem } from '@recourse/contracts/http';
import { StartError } from '@recourse/infra/errors';
import { type Dispatcher, Pool } from 'undici';
import type { Environment } from './config.ts';
import { settings } from './settings.ts';

/** The command line's way to a running server. */

/** What a server answered: a body that is JSON, or nothing (`undefined`). */
export type Answer = {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly body: unknown;
};

/** A request; a path begins with a slash, a body is sent as JSON. */
export type Request = {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/** A connection to one server, kept alive between requests. */
export type Client = {
  readonly url: string;
  /** Rejects with `UnreachableError` where no answer comes, or none that a Recourse server would give. */
  send(method: 'GET' | 'POST', path: string, request?: Request): Promise<Answer>;
  /** As `send`, but rejects with `RefusedError` on every status but 2xx. */
  ask(method: 'GET' | 'POST', path: string, request?: Request): Promise<Answer>;
  /** As `ask`, for an answer that is a file: its bytes as they come. */
  download(method: 'GET' | 'POST', path: string): Promise<AsyncIterable<Uint8Array>>;
  /** Opens a stream of server-sent events; undefined where there are no more. Rejects as `ask` does. */
  stream(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array> | undefined>;
  close(): Promise<void>;
};

/** No server answers there. */
export class UnreachableError extends StartError {
  readonly why: string;
  constructor(url: string, why: string) {
    super(
      'no-server',
      `No Recourse server answers at ${url} (${why}). Start one with npm start, or name another with --url or RECOURSE_URL.`,
    );
    this.why = why;
  }
}

/** The server refused: its problem, in the words that it sent. */
export class RefusedError extends StartError {
  readonly status: number;
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.code, problemLines(problem).join('\n'));
    this.status = problem.status;
    this.problem = problem;
  }
}

/**
 * Where the server is: `--url`, else RECOURSE_URL, else the PORT of this machine. Throws `StartError` on what is no
 * http(s) URL.
 */
export const serverUrl = (flag: string | undefined, environment: Environment): string => {
  const given = flag ?? environment.RECOURSE_URL;
  if (given === undefined || given === '') return `http://127.0.0.1:${portOf(environment)}`;
  const url = URL.parse(given);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '') {
    const where = flag === undefined ? 'RECOURSE_URL' : '--url';
    throw new StartError(
      'invalid-url',
      `${where} is ${JSON.stringify(given)}: it must be the address of a server, such as http://127.0.0.1:3000.`,
    );
  }
  return url.href.replace(/\/+$/, '');
};

const portOf = (environment: Environment) => {
  const given = environment.PORT;
  if (given === undefined || given === '') return settings.port.default;
  if (settings.port.schema.safeParse(given).success) return given;
  throw new StartError(
    'invalid-setting',
    `PORT is ${JSON.stringify(given)} in the environment: it must be ${settings.port.allowed}.`,
  );
};

const connectMsMax = 5_000;
const answerMsMax = 660_000;
const idleMsMax = 30_000;

/** Opens a connection of up to so many sockets; nothing is sent yet. */
export const connect = (url: string, { connections = 8 }: { readonly connections?: number } = {}): Client => {
  const { origin, pathname } = new URL(url);
  const prefix = pathname.replace(/\/+$/, '');
  const pool = new Pool(origin, {
    connections,
    keepAliveTimeout: idleMsMax,
    headersTimeout: answerMsMax,
    bodyTimeout: answerMsMax,
    connect: { timeout: connectMsMax },
  });

  const request = (method: 'GET' | 'POST', path: string, { body, headers }: Request) =>
    pool
      .request({
        method,
        path: prefix + path,
        headers: {
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
      })
      .catch((error: unknown) => {
        throw new UnreachableError(url, reason(error));
      });

  const send: Client['send'] = async (method, path, options = {}) => {
    const answer = await request(method, path, options);
    const text = await answer.body.text().catch((error: unknown) => {
      throw new UnreachableError(url, reason(error));
    });
    return { status: answer.statusCode, headers: answer.headers, body: parse(url, answer.statusCode, text) };
  };

  return {
    url,
    send,
    ask: async (method, path, options) => {
      const answer = await send(method, path, options);
      if (answer.status < 200 || answer.status > 299) throw new RefusedError(problemOf(url, answer));
      return answer;
    },
    download: async (method, path) => {
      const answer = await request(method, path, {});
      if (answer.statusCode >= 200 && answer.statusCode <= 299) return bytesOf(url, answer.body);
      const body = parse(url, answer.statusCode, await answer.body.text());
      throw new RefusedError(problemOf(url, { status: answer.statusCode, headers: answer.headers, body }));
    },
    stream: async (path, headers, signal) => {
      const answer = await pool
        .request({
          method: 'GET',
          path: prefix + path,
          headers: { accept: 'text/event-stream', ...headers },
          bodyTimeout: 0,
          signal: signal ?? null,
        })
        .catch((error: unknown) => {
          throw new UnreachableError(url, reason(error));
        });
      // 204: there is nothing more, and never will be.
      if (answer.statusCode === 204) return undefined;
      if (answer.statusCode === 200) return answer.body;
      const body = parse(url, answer.statusCode, await answer.body.text());
      throw new RefusedError(problemOf(url, { status: answer.statusCode, headers: answer.headers, body }));
    },
    close: () => pool.destroy(),
  };
};

async function* bytesOf(url: string, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw new UnreachableError(url, reason(error));
  }
}

const parse = (url: string, status: number, text: string): unknown => {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreachableError(url, `something else does: status ${status}, and no JSON`);
  }
};

/** The problem that an answer is. Throws `UnreachableError` where it is none: then it is not Recourse that answers. */
export const problemOf = (url: string, { status, body }: Answer): Problem => {
  const read = Problem.safeParse(body);
  if (read.success) return read.data;
  throw new UnreachableError(url, `something else does: status ${status}, and no problem+json`);
};

const problemLines = ({ title, detail, code, errors = [] }: Problem): string[] => [
  `${title} (${code}): ${detail}`,
  // The detail says the first of them already.
  ...(errors.length > 1 ? errors.map(({ path, message }) => `  ${path}: ${message}`) : []),
];

const words: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'it hung up',
  UND_ERR_SOCKET: 'it hung up',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'no such host',
  UND_ERR_CONNECT_TIMEOUT: `no connection within ${connectMsMax / 1_000} s`,
  UND_ERR_HEADERS_TIMEOUT: `no answer within ${answerMsMax / 1_000} s`,
};

const reason = (error: unknown): string => {
  if (!types.isNativeError(error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return words[code] ?? (code || error.message);
};
