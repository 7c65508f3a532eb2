import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { ProblemError } from './problem.ts';

/**
 * Reads JSON bodies. Does on the hot route what `express.json()` does in a third of its time: no stream is piped, no
 * encoding is guessed; UTF-8 and nothing else.
 */

/** A body beyond its limit is read on up to this much and dropped, so that its sender gets to hear the answer. */
const drainedBytesMax = 4 * 1024 * 1024;

const jsonType = /^application\/json\s*(?:;\s*charset\s*=\s*"?(?:utf-8|us-ascii)"?\s*)?$/i;

const checkType = (req: IncomingMessage): void => {
  const type = req.headers['content-type'];
  if (type !== 'application/json' && (type === undefined || !jsonType.test(type))) {
    throw new ProblemError('unsupported-media-type', 'Send Content-Type: application/json (in UTF-8).');
  }
  const encoding = req.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new ProblemError('unsupported-media-type', 'Send the body without a Content-Encoding.');
  }
};

const tooLarge = (bytesMax: number, headers?: Record<string, string>) =>
  new ProblemError('body-too-large', `The body may have ${bytesMax} bytes at most.`, headers && { headers });

/** The whole body, up to `bytesMax` bytes. */
const readBytes = (req: IncomingMessage, bytesMax: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const announced = Number(req.headers['content-length'] ?? 0);
    if (announced > drainedBytesMax) return reject(tooLarge(bytesMax, { Connection: 'close' }));
    let first: Buffer | undefined;
    let more: Buffer[] | undefined;
    let bytes = 0;
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        first = undefined;
        more = undefined;
        if (bytes > drainedBytesMax) {
          req.pause();
          reject(tooLarge(bytesMax, { Connection: 'close' }));
        }
      } else if (first === undefined) first = chunk;
      else if (more === undefined) more = [first, chunk];
      else more.push(chunk);
    });
    req.on('end', () => {
      if (bytes > bytesMax) reject(tooLarge(bytesMax));
      else resolve(more === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(more, bytes));
    });
    req.on('error', reject);
    req.on('close', () => {
      if (!req.readableEnded) reject(new ProblemError('invalid-request', 'The body broke off.'));
    });
  });

const malformed = (detail: string) => new ProblemError('malformed-json', detail);

const parse = (bytes: Buffer): unknown => {
  if (!isUtf8(bytes)) throw malformed('The body is not UTF-8.');
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    // What the parser says repeats a piece of the body, which may hold personal data.
    throw malformed('The body is not well-formed JSON.');
  }
};

/**
 * The JSON body of a request. Rejects with `unsupported-media-type`, `body-too-large` or `malformed-json`.
 *
 * With `optional`, no body at all reads as `{}`, whatever its type.
 */
export const readJson = async (
  req: IncomingMessage,
  bytesMax: number,
  { optional = false }: { readonly optional?: boolean } = {},
): Promise<unknown> => {
  const none = req.headers['transfer-encoding'] === undefined && !(Number(req.headers['content-length']) > 0);
  if (optional && none) return {};
  checkType(req);
  return parse(await readBytes(req, bytesMax));
};
