import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Setting, settings } from '@recourse/host/settings';

/** `node test/docker/env-example.ts` writes `.env.example` anew from the table of settings; a test compares the two. */

export const envExampleFile: string = fileURLToPath(new URL('../../.env.example', import.meta.url));

const head = `# Every setting with its default. Nothing reads this file by itself: copy what you change to .env, and
#   set -a; . ./.env; set +a; npm start
# A variable that is empty counts as not set. \`npx recourse config\` shows what is in use, and where that came from.
`;

/** The file as it has to be. */
export const envExample = (): string =>
  [head, ...Object.values<Setting>(settings).map(entryOf)].join('\n').concat('\n');

const entryOf = ({ variable, sentence, allowed, secret, ...setting }: Setting): string => {
  const value = setting.default;
  const text = /^[\w.,:/*-]*$/.test(value) ? value : `'${value}'`;
  const words = secret ? `${allowed}; never shown` : allowed;
  return `# ${sentence}\n# ${words[0]!.toUpperCase()}${words.slice(1)}.\n${variable}=${text}\n`;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(envExampleFile, envExample());
