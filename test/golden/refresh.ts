import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { presentTypes } from '@recourse/contracts/compatibility-schemas';
import { goldenName, verdict } from '@recourse/contracts/compatibility-verdict';
import { goldenFiles, writeGolden } from './files.ts';
import { storedVersions } from './stored.ts';

/**
 * `npm run golden [-- --from <data folder>]`: writes the golden schemas of new versions, and anew those that changed
 * compatibly; with `--from` takes golden records that are missing from that folder's log. What is there for good, an
 * older version or a record, is not touched, and neither is what changed in a way that old data does not fit.
 */
const { values } = parseArgs({ options: { from: { type: 'string' } } });
const present = presentTypes();
const before = goldenFiles();

const incompatible = new Set(
  verdict(present, before)
    .filter(({ kind }) => kind === 'incompatible')
    .map(({ type }) => type),
);
for (const it of present) if (!incompatible.has(it.type)) writeGolden('schemas', it, it.schema);

if (values.from !== undefined) {
  for (const it of storedVersions(join(values.from, 'log.db')))
    if (!before.records.has(goldenName(it.type, it.version))) writeGolden('records', it, it);
}

const left = verdict(present, goldenFiles());
for (const { text } of left) process.stderr.write(`${text}\n`);
if (left.length > 0) process.exitCode = 1;
