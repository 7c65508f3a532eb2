import { asyncApiDocument } from '@recourse/contracts/asyncapi';
import { recourseVersion } from '@recourse/contracts/version';
import type { Express } from 'express';
import { sendJson } from './route.ts';

/** Where the document of the messages is served. */
export const asyncApiPath = '/asyncapi.json';

/**
 * Serves the document of the messages, with the names that topics have here: `prefix` stands before each. It never
 * changes: it is made once, when it is first asked for.
 */
export const serveAsyncApi = (app: Express, prefix = ''): void => {
  let document: ReturnType<typeof asyncApiDocument> | undefined;
  app.get(asyncApiPath, (_req, res) => {
    document ??= asyncApiDocument({ version: recourseVersion, prefix });
    sendJson(res, 200, document);
  });
};
