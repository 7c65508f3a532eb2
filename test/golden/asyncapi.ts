import { writeFileSync } from 'node:fs';
import { asyncApiDocument } from '@recourse/contracts/asyncapi';
import { recourseVersion } from '@recourse/contracts/version';

/** Where the document of the messages is kept for readers. `npm run asyncapi` writes it anew. */
export const asyncApiFile = new URL('../../docs/asyncapi.json', import.meta.url);

/** The document as the file has it. */
export const asyncApiText = (): string =>
  `${JSON.stringify(asyncApiDocument({ version: recourseVersion }), null, 2)}\n`;

if (import.meta.main) writeFileSync(asyncApiFile, asyncApiText());
