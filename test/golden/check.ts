import { presentTypes } from '@recourse/contracts/compatibility-schemas';
import { verdict } from '@recourse/contracts/compatibility-verdict';
import { goldenFiles } from './files.ts';

/** `npm run contracts`, a step of `npm run check`: what was ever written can be read by this build. */
const complaints = verdict(presentTypes(), goldenFiles());
for (const { text } of complaints) process.stderr.write(`${text}\n`);
if (complaints.length > 0) process.exitCode = 1;
else process.stdout.write('Contracts: every version that ever existed can be read.\n');
