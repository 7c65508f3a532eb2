import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTimerStore } from '@recourse/infra/timer-store';
import { timersSuite } from '../test/contract/timers/alone.ts';

timersSuite('in a file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'recourse-timer-store-'));
  let stores = 0;
  return {
    open: () => {
      stores += 1;
      return openTimerStore(join(folder, `timers-${stores}.db`));
    },
    filledFromLog: true,
    dispose: async () => rmSync(folder, { recursive: true }),
  };
});
