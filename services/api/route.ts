import type { ServerResponse } from 'node:http';
import type { ProblemCode } from '@recourse/contracts/http';
import type { Request, Response } from 'express';
import type { z } from 'zod';

/** What one status of a route answers. JSON unless it says otherwise. */
export type RouteResponse = {
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly contentType?: string;
};

/**
 * One call of the API: how it is served and how it is documented. The router and `/openapi.json` are made of the same
 * table, so neither can have what the other has not.
 */
export type Route = {
  readonly method: 'get' | 'post';
  /** As Express writes it: `/orders/:id`. */
  readonly path: string;
  /** What the document calls it. */
  readonly operationId: string;
  readonly tag: 'Orders' | 'Sagas' | 'Inventory' | 'Operations';
  readonly summary: string;
  readonly description?: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  readonly body?: { readonly schema: z.ZodType; readonly required: boolean };
  readonly responses: Readonly<Record<number, RouteResponse>>;
  /** What it refuses with, besides what every call may. */
  readonly problems: readonly ProblemCode[];
  /** Serves it: answers, or throws what `problemOf` knows. */
  readonly serve: (req: Request, res: Response) => void | Promise<void>;
};

const jsonType = 'application/json; charset=utf-8';

/** Answers with JSON in one write. Express's own `res.json` costs several times that, for an ETag nobody asks for. */
export const sendJson = (
  res: ServerResponse,
  status: number,
  body: unknown,
  headers?: Readonly<Record<string, string>>,
): void => {
  const text = JSON.stringify(body);
  res.writeHead(status, {
    'Content-Type': jsonType,
    'Content-Length': Buffer.byteLength(text),
    ...headers,
  });
  res.end(text);
};
