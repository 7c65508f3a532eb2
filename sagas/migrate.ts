import type { EventData } from '@recourse/contracts/events';
import type { Heard } from './history.ts';
import { knownVersion, type SagaVersion } from './machines.ts';
import {
  type Advance,
  accepted,
  advance,
  type OrderFacts,
  type SagaInput,
  type SagaState,
  step,
} from './step.ts';

/**
 * From one version of the machine to another, while the saga is open. Pure: the plan, the orchestrator and the
 * verification all ask here, so that what was planned is what is done, and what was done can be proved.
 */

/** Why a saga cannot move: the codes stay, and `why` says it to people, the same for all sagas of one kind. */
export type Refusal = {
  readonly code:
    | 'not-begun'
    | 'ended'
    | 'there-already'
    | 'moved-on'
    | 'other-command'
    | 'other-command-id'
    | 'other-timers'
    | 'would-have-ended';
  readonly why: string;
};

/** Whether a saga can move, and the state in which it would go on. */
export type Movable = { readonly state: SagaState } | { readonly refusal: Refusal };

/** What moves a saga from one version to another, without issuing, setting or cancelling anything. */
export const migrationRequested = 'SagaMigrationRequested';

/**
 * Hears a wish to move, after everything in `heard`: the step that it leads to, or why it leads to none. A wish that
 * was made of another version, or at another revision than the saga's present one, comes too late.
 */
export const migrated = (
  heard: readonly Heard[],
  facts: OrderFacts,
  input: SagaInput,
): { readonly advance: Advance } | { readonly refusal: Refusal } => {
  const { from, to, atRevision } = input.data as EventData['SagaMigrationRequested'];
  const version = heard.at(-1)?.advance.machine.version;
  if (heard.length - 1 !== atRevision || version !== from)
    return { refusal: { code: 'moved-on', why: 'it has taken another step since it was asked to move' } };
  const target = knownVersion(to);
  const movable = whetherMovable(heard, facts, target);
  if ('refusal' in movable) return movable;
  return { advance: advance(input, target, movable.state, [], { set: [], cancelled: [] }) };
};

/**
 * Whether a saga that has heard this can go on as another version: re-run over its inputs, that version must wait for
 * the same command, by its id, and for the same timers. How often it was asked, whether it is queued still, what was
 * heard of each stream and why a person should look carry over; everything else is as the target has it. Back to where
 * a migration took it from, with no step since, a saga can always go.
 */
export const whetherMovable = (heard: readonly Heard[], facts: OrderFacts, to: SagaVersion): Movable => {
  const last = heard.at(-1)?.advance;
  if (last === undefined) return refused('not-begun', 'it has not taken its first step');
  if (last.state.status === 'done') return refused('ended', 'it has ended');
  if (last.machine.version === to) return refused('there-already', `it is of version ${to} already`);
  const back = whereBack(heard);
  if (back?.to === to) return { state: carried(back.state, last.state) };
  const { state } = last;
  const found = replayed(heard, facts, to);
  const refusal = differs(state, found, to);
  return refusal === undefined ? { state: carried(found, state) } : { refusal };
};

/**
 * Where undoing takes a saga whose last step is a migration that has not been undone: the version, and the state in
 * which that version left it. The last steps suffice, from the one before the first of the migrations that end it.
 */
export const whereBack = (
  heard: readonly Pick<Heard, 'advance'>[],
): { readonly to: number; readonly state: SagaState } | undefined => {
  const first = heard.findLastIndex(({ advance: { input } }) => input.type !== migrationRequested);
  const trail: Advance[] = [];
  for (const { advance: next } of heard.slice(Math.max(0, first))) {
    if (trail.at(-2)?.machine.version === next.machine.version) trail.pop();
    else trail.push(next);
  }
  const before = trail.at(-2);
  return before && { to: before.machine.version, state: before.state };
};

/** Durations are configuration: what is compared are the timers, not when they are due. */
export const anyTimes = { askDelaysMs: [1], deadlineMs: 1 } as const;

/** What a version makes of the same inputs, from the first on. Migrations are none of them. */
const replayed = (heard: readonly Heard[], facts: OrderFacts, version: SagaVersion): SagaState =>
  heard.reduce<SagaState>(
    (state, { input }) =>
      input.type === migrationRequested
        ? state
        : (step(state, input, facts, anyTimes, version)?.state ?? state),
    accepted,
  );

const refused = (code: Refusal['code'], why: string) => ({ refusal: { code, why } }) as const;

const differs = (now: SagaState, then: SagaState, to: SagaVersion): Refusal | undefined => {
  const { outstanding, askTimer, deadlineTimer } = now.context;
  const would = then.context.outstanding;
  if (then.status === 'done')
    return { code: 'would-have-ended', why: `version ${to} would have ended, ${then.value}` };
  if (would?.type !== outstanding?.type)
    return {
      code: 'other-command',
      why: `it waits for ${outstanding?.type ?? 'nothing'}; version ${to} would wait for ${would?.type ?? 'nothing'}, in ${then.value}`,
    };
  if (would?.commandId !== outstanding?.commandId)
    return {
      code: 'other-command-id',
      why: `version ${to} would have asked for ${would?.type} at another step, or with other data: under another id`,
    };
  if (then.context.askTimer !== askTimer || then.context.deadlineTimer !== deadlineTimer)
    return { code: 'other-timers', why: `version ${to} would wait for other timers, in ${then.value}` };
  return undefined;
};

/** The state of another version, with what the present one knows and does not hang on the version. */
const carried = (state: SagaState, { context }: SagaState): SagaState => {
  const { flags: _, ...others } = state.context;
  const { sequence, outstanding, flags } = context;
  return {
    ...state,
    context: {
      ...others,
      sequence,
      ...(outstanding === undefined ? {} : { outstanding }),
      ...(flags === undefined ? {} : { flags }),
    },
  };
};
