// Counts what jest has reported: the whole run, and, where there was one, the second run of the files that failed in it.
// Says what passed only then; the last line counts the tests. Ends with 1 where something has failed for good.
import { readFileSync } from 'node:fs';

const say = (line) => process.stdout.write(`${line}\n`);
const read = (file) => JSON.parse(readFileSync(file, 'utf8')).testResults;
const [first, again = []] = process.argv.slice(2).map((file) => read(file));
const redone = new Map(again.map((file) => [file.name, file]));
const failedIn = ({ assertionResults }) => assertionResults.filter(({ status }) => status === 'failed');

for (const file of first.filter(({ name }) => redone.get(name)?.status === 'passed')) {
  say(`Passed at the second try only, which is a fault of the test or of what it tests: ${file.name}`);
  for (const { fullName } of failedIn(file)) say(`  ${fullName}`);
}
const counts = { passed: 0, failed: 0, skipped: 0 };
for (const file of [...first.filter(({ name }) => !redone.has(name)), ...again]) {
  const { assertionResults, status } = file;
  const failed = failedIn(file).length;
  counts.failed += failed === 0 && status === 'failed' ? 1 : failed;
  counts.passed += assertionResults.filter((it) => it.status === 'passed').length;
  counts.skipped += assertionResults.filter((it) => it.status === 'pending' || it.status === 'todo').length;
}
say(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 ? 0 : 1;
