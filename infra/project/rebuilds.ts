import { type Pace, RebuildRefusedError } from '../ports/read-models.ts';
import type { ProjectionFile } from './file.ts';
import type { Rebuild } from './rebuild.ts';
import { bytesNeeded } from './room.ts';
import type { Slot } from './slot.ts';
import type { LogSource } from './source.ts';

/** After so many records it is looked again whether the disk has room. */
const roomLookRecords = 20_000;

type Rebuilding = { readonly slot: Slot; readonly rebuild: Rebuild };

const isOpen = ({ rebuild }: Rebuilding) => rebuild.state() !== 'stopped';

const megabytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20).toLocaleString('en')} MiB`;

const noRoom = (folder: string, needed: number, free: number) =>
  `the disk of ${folder} has ${megabytes(free)} free, and ${megabytes(needed)} are needed: make room`;

/** The rebuilds of some projections: all that are asked for share one pass over the log. */
export const rebuildsOf = (
  folder: string,
  slots: readonly Slot[],
  source: LogSource,
  freeBytes: (folder: string) => number,
) => {
  let recordsSinceLook = roomLookRecords;

  const open = (): Rebuilding[] =>
    slots
      .flatMap((slot) => {
        const rebuild = slot.rebuild();
        return rebuild === undefined ? [] : [{ slot, rebuild }];
      })
      .filter(isOpen);

  const ask = (names: readonly string[] | 'all', pace: Pace): void => {
    const asked =
      names === 'all'
        ? slots
        : names.map((name) => {
            const slot = slots.find(({ projection }) => projection.name === name);
            if (slot !== undefined) return slot;
            throw new RebuildRefusedError('unknown-projection', `there is no projection ${name}`);
          });
    const busy = open().filter(({ slot }) => asked.includes(slot));
    if (busy.length > 0) {
      const which = busy.map(({ slot }) => slot.projection.name).join(', ');
      throw new RebuildRefusedError('rebuild-running', `a rebuild of ${which} is running already`);
    }
    const needed = bytesNeeded(asked.reduce((sum, slot) => sum + slot.bytes(), 0));
    const free = freeBytes(folder);
    if (free < needed) throw new RebuildRefusedError('no-space', noRoom(folder, needed, free));
    askAll(asked, pace);
  };

  /** All of them or none: where one pointer cannot be written the others are put back. */
  const askAll = (asked: readonly Slot[], pace: Pace): void => {
    const takeBack: (() => void)[] = [];
    try {
      for (const slot of asked) takeBack.push(slot.ask(pace));
    } catch (error) {
      for (const each of takeBack) each();
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      throw new RebuildRefusedError('no-space', `the disk of ${folder} is full: make room`);
    }
  };

  /** Lets all wait where the disk is nearly full: what is left is the event log's. */
  const leaveRoom = (going: readonly Rebuilding[]) => {
    if (recordsSinceLook < roomLookRecords) return true;
    const unbegun = going.filter(({ rebuild }) => rebuild.position() === 0);
    const needed = bytesNeeded(unbegun.reduce((sum, { slot }) => sum + slot.bytes(), 0));
    const free = freeBytes(folder);
    if (free < needed) for (const { rebuild } of going) rebuild.wait(noRoom(folder, needed, free));
    else recordsSinceLook = 0;
    return free >= needed;
  };

  /** Whether a rebuild has come as far as what serves, or as the log where that does not go on. */
  const hasCaughtUp = ({ slot, rebuild }: Rebuilding) => {
    const running = slot.running();
    const going = running?.state() === 'running';
    return rebuild.position() >= (going ? running.position() : source.head());
  };

  /** Brings what has caught up nearer to its end; returns whether there was anything to do. */
  const finish = ({ slot, rebuild }: Rebuilding): boolean => {
    if (rebuild.state() !== 'running' || !hasCaughtUp({ slot, rebuild })) return false;
    const file: ProjectionFile | undefined = rebuild.finish();
    if (file !== undefined) slot.swap(file);
    return true;
  };

  /** See `Folding.rebuildStep`. */
  const step = (recordsMax: number): number | undefined => {
    const all = open();
    for (const { rebuild } of all) if (rebuild.state() === 'running') rebuild.begin();
    const going = all.filter(({ rebuild }) => rebuild.state() === 'running');
    if (going.length === 0 || !leaveRoom(going)) return undefined;
    const after = Math.min(...going.map(({ rebuild }) => rebuild.position()));
    const wanted = new Set(going.flatMap(({ slot }) => Object.keys(slot.projection.fold)));
    const stretch = source.read(after, recordsMax, wanted);
    if (stretch !== undefined) for (const { rebuild } of going) rebuild.take(stretch);
    for (const { slot, rebuild } of going) if (rebuild.state() === 'stopped') slot.giveUp();
    const finishing = going.map(finish).includes(true);
    if (stretch === undefined) return finishing ? 0 : undefined;
    const records = stretch.place.position - after;
    recordsSinceLook += records;
    return records;
  };

  return {
    ask,
    step,
    pace: (): Pace | undefined => {
      const paces = open().map(({ rebuild }) => rebuild.pace);
      if (paces.length === 0) return undefined;
      if (paces.includes('full')) return 'full';
      if (paces.includes('default')) return 'default';
      return Math.max(...(paces as number[]));
    },
  };
};
