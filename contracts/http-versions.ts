import { z } from 'zod';
import { Position, SagaState } from './http.ts';
import { OrderId } from './ids.ts';

/** What `/versions` takes and gives: which version of the saga open orders run on, and moving them to another. */

/** `GET /versions`. */
export const SagaVersions = z
  .strictObject({
    /** The position of the log that the counts show. */
    position: Position,
    /** The versions that this Recourse runs, the oldest first. */
    known: z.array(z.int()),
    /** New orders begin on this version, so many of a hundred; the others on the one before. */
    newOrders: z.strictObject({ version: z.int(), percent: z.int() }),
    /** Open sagas by version and state; the version is null before their first step. */
    items: z.array(z.strictObject({ version: z.int().nullable(), state: SagaState, count: z.int() })),
  })
  .meta({ id: 'SagaVersions' });
export type SagaVersions = z.infer<typeof SagaVersions>;

const Version = z.int().min(1);

/** Sagas of one version and state that could go on as another, in the same or another state. */
const Movable = z.strictObject({ from: Version, state: SagaState, to: SagaState, count: z.int() });

/** Sagas that could not, for one reason. */
const NotMovable = z.strictObject({
  /** Null before the first step. */
  from: Version.nullable(),
  state: SagaState,
  /** Stays: `not-begun`, `other-command`, `other-command-id`, `other-timers`, `would-have-ended`, `unreadable`. */
  code: z.string(),
  /** The same in a sentence. */
  why: z.string(),
  count: z.int(),
  /** Some of them. */
  sagas: z.array(OrderId),
});

const part = {
  /** Sagas that are open now, and how many of them this answer has looked at. */
  open: z.int(),
  examined: z.int(),
  /** Ask for the next part with `cursor`; null where there is none. */
  nextCursor: Position.nullable(),
};

/** `GET /versions/plan`: what a migration would do. Nothing was touched. */
export const MigrationPlan = z
  .strictObject({
    to: Version,
    /** The head of the log when it was begun. */
    position: Position,
    ...part,
    /** Sagas that are of that version already. */
    thereAlready: z.int(),
    canMove: z.array(Movable),
    cannotMove: z.array(NotMovable),
  })
  .meta({ id: 'MigrationPlan' });
export type MigrationPlan = z.infer<typeof MigrationPlan>;

/** The query of `GET /versions/plan`; without a limit it looks at all open sagas. */
export const MigrationPlanQuery = z.strictObject({
  to: z.coerce.number().int().min(1).max(1_000_000),
  limit: z.coerce.number().int().min(1).max(1_000_000).optional(),
  cursor: Position.optional(),
});

const wishes = {
  /** Kept with each wish in the log. */
  note: z.string().min(1).max(2_000).optional(),
  /** The most sagas that one call looks at. */
  batch: z.int().min(1).max(5_000).optional(),
  cursor: Position.optional(),
};

/** The body of `POST /versions/migrations`. */
export const MigrationRequest = z
  .strictObject({ to: Version.max(1_000_000), ...wishes })
  .meta({ id: 'MigrationRequest' });

/** The body of `POST /versions/migrations/undo`. */
export const MigrationUndoRequest = z.strictObject(wishes).meta({ id: 'MigrationUndoRequest' });

/** What came of one batch. */
export const Migration = z
  .strictObject({
    ...part,
    /** Sagas that have gone over to the other version. */
    moved: z.array(Movable),
    /** Sagas that took another step before they could: they stay as they are, and can be asked again. */
    movedOn: z.int(),
    /** Wishes that stand in the log and had not been heard when this was answered. */
    pending: z.int(),
    cannotMove: z.array(NotMovable),
  })
  .meta({ id: 'Migration' });
export type Migration = z.infer<typeof Migration>;
