import type { OrderId } from '@recourse/contracts/ids';
import { UnavailableError } from '../errors.ts';
import type { Message } from '../ports/broker.ts';

/**
 * One handler of a key at a time, over all assignments that a group has had in this process: a handler that began in
 * one that is over may still run when the next one meets its key.
 */
export const keyTurns = (handle: (message: Message) => Promise<void>) => {
  const older = new Map<OrderId, PromiseWithResolvers<void>>();

  return {
    /** The handler of one assignment. */
    begin: () => {
      const running = new Set<OrderId>();
      let over = false;
      return {
        handle: async (message: Message): Promise<void> => {
          const { key } = message;
          const before = older.get(key);
          if (before !== undefined) {
            await before.promise;
            if (over) throw new UnavailableError('the partition is no longer ours');
          }
          running.add(key);
          try {
            await handle(message);
          } finally {
            running.delete(key);
            if (over) {
              older.get(key)?.resolve();
              older.delete(key);
            }
          }
        },
        /** The assignment is over: nothing begins, what runs is waited for by who comes next. */
        end: (): void => {
          if (over) return;
          over = true;
          for (const key of running) older.set(key, Promise.withResolvers());
        },
      };
    },
    /** Resolves when nothing that began in an assignment that is over runs any more. */
    olderEnded: async (): Promise<void> => {
      await Promise.all([...older.values()].map(({ promise }) => promise));
    },
  };
};

/** The turns of a group. */
export type KeyTurns = ReturnType<typeof keyTurns>;
