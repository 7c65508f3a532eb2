import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Pace, ProjectionStatus } from '../ports/read-models.ts';
import { openProjectionFile, type Place, type ProjectionFile, placeOfFile } from './file.ts';
import { textOf } from './fold-records.ts';
import {
  type FileId,
  fileName,
  type Pointer,
  readPointer,
  removeFile,
  removeStrays,
  writePointer,
} from './pointer.ts';
import type { Projection } from './projection.ts';
import { prepareRebuild, type Rebuild } from './rebuild.ts';
import { bytesOf } from './room.ts';
import { type RunningProjection, runProjection } from './running.ts';
import type { LogSource } from './source.ts';

/** A projection with its place in the folder: the file that serves it, and the one that is to take its place. */
export type Slot = {
  readonly projection: Projection;
  /** What serves it and follows the log; `undefined` where that is what another version has folded. */
  running(): RunningProjection | undefined;
  /** The rebuild that is asked for, or the last one where its fold threw. */
  rebuild(): Rebuild | undefined;
  /** The bytes of the file that serves it. */
  bytes(): number;
  /**
   * Asks for a rebuild; it is on the disk when this returns, and goes on after a crash. Returns what takes that back,
   * as long as it has not begun.
   */
  ask(pace: Pace): () => void;
  /** Lets what a rebuild has folded serve from now on, and removes what served before. */
  swap(file: ProjectionFile): void;
  /** Gives up a rebuild whose fold threw: its file goes, why it stopped stays. */
  giveUp(): void;
  status(): Omit<ProjectionStatus, 'rebuild'>;
  close(): void;
};

/** The place that the file of an earlier version shows; `undefined` where it cannot serve, and is better not there. */
const outdatedPlace = (path: string, isPlace: (place: Place) => boolean): Place | undefined => {
  try {
    const place = existsSync(path) ? placeOfFile(path) : undefined;
    return place !== undefined && (place.position === 0 || isPlace(place)) ? place : undefined;
  } catch {
    return undefined;
  }
};

/** What is to happen with what is found in the folder: which file serves, and which is folded to replace it. */
const planned = (found: Pointer | undefined, version: number, serves: boolean): Pointer => {
  const fresh: FileId = { version, build: 0 };
  if (found === undefined || !serves) return fresh;
  const { rebuild, ...id } = found;
  if (rebuild?.version === version) return found;
  return id.version === version ? id : { ...id, rebuild: { ...fresh, pace: rebuild?.pace ?? 'default' } };
};

/**
 * Opens a projection in its folder. Its own version goes on; another one goes on serving as it is, and a rebuild of
 * this version is asked for. Where there is nothing that could serve, a new file does so at once, however far behind.
 * Throws where the folder cannot be written.
 */
export const openSlot = (folder: string, projection: Projection, source: LogSource): Slot => {
  const { name, version } = projection;
  const isPlace = ({ position, id }: Place) => source.idAt(position) === id;
  const pathOf = (id: FileId) => join(folder, fileName(name, id));
  const prepare = (id: FileId & { readonly pace: Pace }) => prepareRebuild(folder, projection, id, source);
  const run = (id: FileId, file: ProjectionFile) => runProjection(projection, id, file, source);

  const found = readPointer(folder, name);
  const outdated =
    found === undefined || found.version === version ? undefined : outdatedPlace(pathOf(found), isPlace);
  let pointer = planned(found, version, found?.version === version || outdated !== undefined);
  let running =
    outdated === undefined
      ? run(pointer, openProjectionFile({ folder, projection, id: pointer, purpose: 'serving', isPlace }))
      : undefined;
  if (JSON.stringify(found) !== JSON.stringify(pointer)) writePointer(folder, name, pointer);
  removeStrays(folder, name, pointer);
  let rebuild = pointer.rebuild && prepare(pointer.rebuild);
  rebuild?.begin();

  const point = (next: Pointer) => {
    writePointer(folder, name, next);
    pointer = next;
  };

  return {
    projection,
    running: () => running,
    rebuild: () => rebuild,
    bytes: () => bytesOf(pathOf(pointer)),
    ask: (pace) => {
      const { rebuild: _, ...id } = pointer;
      const next = { version, build: id.version === version ? id.build + 1 : 0, pace };
      const before = { pointer, rebuild };
      point({ ...id, rebuild: next });
      rebuild = prepare(next);
      return () => {
        rebuild = before.rebuild;
        point(before.pointer);
      };
    },
    swap: (file) => {
      const { id } = rebuild!;
      const before = pathOf(pointer);
      try {
        point(id);
      } catch (error) {
        return rebuild!.wait(textOf(error));
      }
      running?.file.close();
      running = run(id, file);
      rebuild = undefined;
      removeFile(before);
    },
    giveUp: () => {
      rebuild!.close();
      removeFile(pathOf(rebuild!.id));
      // Another version is asked for again by itself at the next start.
      const { rebuild: _, ...id } = pointer;
      try {
        point(id);
      } catch {
        // Then it is tried again at the next start, which does no harm.
      }
    },
    status: () => ({
      name,
      version: pointer.version,
      build: pointer.build,
      position: running?.position() ?? outdated!.position,
      state: running?.state() ?? 'outdated',
      error: running?.error() ?? null,
    }),
    close: () => {
      rebuild?.close();
      running?.file.close();
    },
  };
};
