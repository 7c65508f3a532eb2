import { writeSync } from 'node:fs';
import type { EventId } from '@recourse/contracts/ids';
import type { StreamName } from '@recourse/contracts/streams';
import { noStream } from '../../ports/event-log.ts';
import { systemClock } from '../../system.ts';
import { openSqliteLog } from '../sqlite-log.ts';

/**
 * A process to be ended: appends to many streams at once without end, and says on its standard output, a line each,
 * what was acknowledged: stream, revision, id. When the log refuses it says `refused` and why, and ends.
 */
const [path] = process.argv.slice(2);
const log = openSqliteLog({ path: path!, clock: systemClock });
const say = (line: string) => writeSync(1, `${line}\n`);

const appendWithoutEnd = async (stream: StreamName) => {
  for (let revision = await log.headOf(stream); ; revision += 1) {
    const id = crypto.randomUUID() as EventId;
    const event = { type: 'RetryRequested', data: { note: 'x'.repeat(200) }, id } as const;
    await log.append(stream, revision, [{ ...event, correlation: stream, causation: id }]);
    say(`${stream} ${revision - noStream} ${id}`);
  }
};

try {
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => appendWithoutEnd(`saga-input-${index}` as StreamName)),
  );
} catch (error) {
  say(`refused ${(error as Error).message}`);
  await log.close();
  process.exit(3);
}
