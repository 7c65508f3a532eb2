import { expect, it } from '@jest/globals';
import { systemClock } from '../system.ts';
import { startProjector } from './projector.ts';

/** A thread that says what the runtime says under `node --watch`, before and among what is its own. */
const entry = new URL(
  `data:text/javascript,${encodeURIComponent(`
    import { parentPort } from 'node:worker_threads';
    const runtime = () => parentPort.postMessage({ 'watch:import': ['file:///some/module.ts'] });
    runtime();
    parentPort.on('message', ({ kind, id }) => {
      runtime();
      if (kind === 'ask') parentPort.postMessage({ kind: 'answer', id, answer: 42 });
      else parentPort.close();
    });
    const progress = [{ name: 'orders', version: 1, build: 0, position: 7, state: 'running', rebuild: null }];
    setTimeout(() => parentPort.postMessage({ kind: 'progress', projections: progress }), 50);
  `)}`,
);

it('a projector hears what its thread says, and nothing that the runtime says beside it', async () => {
  const setup = { logPath: 'unused', folder: 'unused', extra: undefined };
  const projector = await startProjector({ entry, setup, clock: systemClock });
  try {
    expect(projector.status()).toMatchObject([{ name: 'orders', position: 7 }]);
    expect(projector.generation()).toBe(1);
    expect(await projector.ask('anything')).toBe(42);
  } finally {
    await projector.close();
  }
});
