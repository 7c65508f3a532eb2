import type { FoldingError, Pace, RebuildStatus } from '../ports/read-models.ts';
import { openProjectionFile, type Place, type ProjectionFile } from './file.ts';
import { errorOf, foldRecords, textOf } from './fold-records.ts';
import type { FileId } from './pointer.ts';
import type { Projection } from './projection.ts';
import type { LogSource, Stretch } from './source.ts';

/** The records in one transaction of a rebuild: rows that change often in it are written once. */
const commitRecordsMax = 20_000;

/** A projection that is folded anew beside the file that serves it. */
export type Rebuild = {
  readonly projection: Projection;
  readonly id: FileId;
  readonly pace: Pace;
  state(): RebuildStatus['state'];
  error(): FoldingError | null;
  /** The position of the last record that it has folded. */
  position(): number;
  /** Goes to work, where it left off if it had begun. Never throws: see `state`. */
  begin(): void;
  /** Folds a stretch that begins right after its position, or overlaps it. Never throws. */
  take(stretch: Stretch): void;
  /** Lets one that waits go on. */
  retry(): void;
  /** Commits what it has folded: it goes on from there after a crash. */
  save(): void;
  /**
   * Does the next of what is left to do where all is folded: the rest of the rows, one index, the sync. Returns the
   * file once nothing is; `undefined` before that, and where it failed: see `state`.
   */
  finish(): ProjectionFile | undefined;
  /** Waits because of something that is no fault of its own. */
  wait(why: string): void;
  /** Writes what it holds, so that it goes on from there, and closes its file. */
  close(): void;
};

/** Prepares a rebuild; it does nothing before `begin`. */
export const prepareRebuild = (
  folder: string,
  projection: Projection,
  { pace, ...id }: FileId & { readonly pace: Pace },
  source: LogSource,
): Rebuild => {
  let file: ProjectionFile | undefined;
  let reached: Place = { position: 0, id: '' };
  let state: RebuildStatus['state'] = 'running';
  let error: FoldingError | null = null;

  const wait = (why: string) => {
    state = 'waiting';
    error = { message: why };
    // What it holds of records after its checkpoint is folded again.
    file?.forget();
    reached = file?.checkpoint() ?? reached;
  };

  /** Runs what touches the file; where it fails, what was not committed is folded again later. */
  const attempt = <T>(run: () => T): T | undefined => {
    try {
      const done = run();
      if (state === 'running') error = null;
      return done;
    } catch (thrown) {
      wait(textOf(thrown));
      return undefined;
    }
  };

  const commit = (opened: ProjectionFile) => {
    if (reached.position > opened.checkpoint().position) opened.commit(reached);
  };

  const open = () => {
    if (file !== undefined) return;
    file = openProjectionFile({
      folder,
      projection,
      id,
      purpose: 'building',
      isPlace: ({ position, id }) => source.idAt(position) === id,
    });
    reached = file.checkpoint();
  };

  return {
    projection,
    id,
    pace,
    state: () => state,
    error: () => error,
    position: () => reached.position,
    begin: () => attempt(open),
    take: ({ records, place }) => {
      const opened = file;
      if (opened === undefined || place.position <= reached.position) return;
      const failed = foldRecords(projection, opened.tables, records, reached.position);
      if (failed !== undefined) {
        opened.forget();
        state = 'stopped';
        error = errorOf(failed);
        return;
      }
      reached = place;
      if (place.position - opened.checkpoint().position >= commitRecordsMax) attempt(() => commit(opened));
    },
    retry: () => {
      if (state === 'waiting') state = 'running';
    },
    save: () => {
      if (state === 'running') attempt(() => file && commit(file));
    },
    finish: () =>
      attempt(() => {
        if (file === undefined) return undefined;
        commit(file);
        if (file.makeIndex()) return undefined;
        file.sync();
        return file;
      }),
    wait,
    close: () => {
      if (state === 'running' && file !== undefined) attempt(() => commit(file!));
      file?.close();
      file = undefined;
    },
  };
};
