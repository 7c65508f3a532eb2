import type { Logger } from 'pino';
import type { ProjectionStatus, RebuildStatus } from '../ports/read-models.ts';
import type { FileId } from './pointer.ts';

type Waiter = { readonly position: number; resolve(): void; reject(error: Error): void };

const isSame = (a: FileId, b: FileId) => a.version === b.version && a.build === b.build;

/** What the main thread has heard of the projections, and who waits for them. */
export const standing = (logger: Logger | undefined) => {
  let known: readonly ProjectionStatus[] = [];
  let changes = 0;
  let waiters: Waiter[] = [];

  const isStuck = ({ state, rebuild }: ProjectionStatus) =>
    state === 'stopped' || (state === 'outdated' && rebuild?.state === 'stopped');

  const stuckBefore = (position: number) => known.find((it) => isStuck(it) && it.position < position);

  const settle = () => {
    waiters = waiters.filter((waiter) => {
      const stuck = stuckBefore(waiter.position);
      if (stuck !== undefined)
        waiter.reject(
          new Error(
            `projection ${stuck.name} has stopped: ${(stuck.error ?? stuck.rebuild?.error)?.message}`,
          ),
        );
      else if (known.length > 0 && known.every((it) => it.position >= waiter.position)) waiter.resolve();
      else return true;
      return false;
    });
  };

  const report = (
    before: ProjectionStatus | undefined,
    { name, version, build, position, state, error }: ProjectionStatus,
  ) => {
    const fields = { projection: name, version, build, position, ...error };
    if (before !== undefined && !isSame(before, { version, build }))
      logger?.info(fields, `projection ${name} is served by what was rebuilt`);
    else if (state === (before?.state ?? 'running')) return;
    else if (state === 'running') logger?.info(fields, `projection ${name} goes on`);
    else if (state === 'waiting') logger?.warn(fields, `projection ${name} cannot write its file`);
    else if (state === 'outdated')
      logger?.info(fields, `projection ${name} shows what version ${version} has folded`);
    else logger?.error(fields, `projection ${name} has stopped at ${error?.type} at ${error?.position}`);
  };

  const reportRebuild = (before: RebuildStatus | null | undefined, { name, rebuild }: ProjectionStatus) => {
    if (rebuild === null) return;
    const { version, build, position, pace, state, error } = rebuild;
    if (before?.state === state && isSame(before, rebuild)) return;
    const fields = { projection: name, version, build, position, pace, ...error };
    if (state === 'running') logger?.info(fields, `projection ${name} is being rebuilt`);
    else if (state === 'waiting') logger?.warn(fields, `the rebuild of projection ${name} waits`);
    else
      logger?.error(
        fields,
        `the rebuild of projection ${name} was given up at ${error?.type} at ${error?.position}`,
      );
  };

  return {
    known: () => known,
    changes: () => changes,
    /** Whether another file serves a projection than was heard before. */
    servesOther: (next: readonly ProjectionStatus[]) =>
      known.some((before) => next.some((it) => it.name === before.name && !isSame(before, it))),
    heard: (next: readonly ProjectionStatus[]) => {
      for (const it of next) {
        const before = known.find(({ name }) => name === it.name);
        report(before, it);
        reportRebuild(before?.rebuild, it);
      }
      known = next;
      changes += 1;
      settle();
    },
    wait: (position: number) =>
      new Promise<void>((resolve, reject) => {
        waiters.push({ position, resolve, reject });
        settle();
      }),
    rejectAll: (error: Error) => {
      for (const waiter of waiters) waiter.reject(error);
      waiters = [];
    },
  };
};
