import { describe, expect, it } from '@jest/globals';
import { type CommandName, commandData } from '@recourse/contracts/commands';
import type { DomainEvent } from '@recourse/contracts/events';
import { personalFields } from '@recourse/contracts/personal';
import type { Decider } from '@recourse/infra/decider';
import { inventory } from '@recourse/inventory/inventory';
import { order } from '@recourse/order/order';
import { payment } from '@recourse/payment/payment';
import type { Heard } from '@recourse/sagas/history';
import { knownVersion } from '@recourse/sagas/machines';
import { anyTimes, migrated, migrationRequested } from '@recourse/sagas/migrate';
import { type Advance, accepted, type OrderFacts, type SagaInput, step } from '@recourse/sagas/step';
import { shipping } from '@recourse/shipping/shipping';

/**
 * What the tests are made of that `recourse export <id> --as-test` writes: an order's history, told again in the order
 * of the log. Whatever somebody decided is a test of its own: given the history so far, when that was asked, then the
 * same is decided again. None depends on another.
 */

/** An event of the history. Its id is given, not decided: what hears the event makes ids of it. */
export type Told = { readonly type: string; readonly id: string; readonly data: object };

/** What a decider is asked: its type, and whatever belongs to it. */
export type Asked = { readonly type: string; readonly [field: string]: unknown };

/** What a step of the saga came to. How long its timers take is configuration, and not told. */
export type Stepped = {
  readonly machine: number;
  readonly state: { readonly value: string; readonly status: string; readonly context: object };
  readonly commands: readonly { readonly id: string; readonly type: string; readonly data: object }[];
  readonly timers: {
    readonly set: readonly { readonly id: string; readonly kind: string }[];
    readonly cancelled: readonly string[];
  };
};

type Participant = 'order' | 'payment' | 'inventory' | 'shipping';
type AnyDecider = Decider<unknown, Asked, DomainEvent>;

/** The story of one order; each part of it is told what was asked (`when`), and what that came to. */
export type Incident = {
  /** What timers and people put in: nobody decides it. */
  given(event: Told): void;
  saga(step: { readonly when: SagaInput; readonly outcome: Stepped }): void;
  /** A command that a step of the saga has issued. */
  issued(id: string): Asked;
  /** An event that the saga hears; `started`: its participant was seen to have begun when a timer asked. */
  heard(id: string, seen?: { readonly started: boolean }): SagaInput;
} & Readonly<
  Record<Participant, (decided: { readonly when: Asked; readonly outcome: readonly Told[] }) => void>
>;

/** Tells the story of one order. */
export const incident = (title: string, tell: (story: Incident) => void): void =>
  describe(title, () => tell(storyOf()));

const storyOf = (): Incident => {
  const streams: Partial<Record<SagaInput['category'], readonly Told[]>> = {};
  const inputs = new Map<string, SagaInput>();
  const commands = new Map<string, Asked>();
  const steps: Heard[] = [];

  const add = (category: SagaInput['category'], event: Told): void => {
    const stream = streams[category] ?? [];
    streams[category] = [...stream, event];
    inputs.set(event.id, { ...event, category, revision: stream.length } as unknown as SagaInput);
  };

  const decides =
    (participant: Participant, decider: AnyDecider): Incident[Participant] =>
    ({ when, outcome }) => {
      const before = streams[participant] ?? [];
      for (const event of outcome) add(participant, event);
      it(sentence(participant, before, when, types(outcome)), () => {
        const state = before.reduce<unknown>(
          (it, event) => decider.evolve(it, event as never),
          decider.initial,
        );
        expect(decider.decide(when, state)).toEqual(outcome.map(({ type, data }) => ({ type, data })));
      });
    };

  return {
    given: (event) => add('saga-input', event),
    order: decides('order', order as unknown as AnyDecider),
    payment: decides('payment', payment as unknown as AnyDecider),
    inventory: decides('inventory', inventory as unknown as AnyDecider),
    shipping: decides('shipping', shipping as unknown as AnyDecider),
    saga: ({ when, outcome }) => {
      const before = [...steps];
      const facts = streams.order?.[0]?.data as OrderFacts;
      steps.push({ input: when, advance: asAdvance(when, outcome) });
      for (const command of outcome.commands) commands.set(command.id, command);
      const state = before.at(-1)?.advance.state ?? accepted;
      it(
        sentence('saga', [{ type: state.value }], when, [outcome.state.value, ...types(outcome.commands)]),
        () => {
          const found = stepAgain(before, when, facts, outcome);
          expect(found && renamed(found, outcome)).toEqual(outcome);
        },
      );
    },
    issued: (id) => known(commands, id, `no step of the saga before this has issued command ${id}`),
    heard: (id, seen) => ({ ...known(inputs, id, `no event before this has the id ${id}`), ...seen }),
  };
};

const types = (them: readonly { readonly type: string }[]) => them.map(({ type }) => type);

const sentence = (
  who: string,
  before: readonly { readonly type: string }[],
  when: { readonly type: string },
  then: readonly string[],
) => {
  const given = before.length === 0 ? '' : `given ${types(before).join(', ')}, `;
  return `${who}: ${given}when ${when.type}, then ${then.join(', ')}`;
};

const known = <T>(all: ReadonlyMap<string, T>, id: string, otherwise: string): T => {
  const found = all.get(id);
  if (found === undefined) throw new Error(otherwise);
  return found;
};

const asAdvance = ({ data: _, ...input }: SagaInput, { machine, ...then }: Stepped): Advance =>
  ({ input, machine: { name: 'order-saga', version: machine }, ...then }) as unknown as Advance;

/** The step that the machine takes now; the first step alone says on which version the saga began. */
const stepAgain = (
  before: readonly Heard[],
  input: SagaInput,
  facts: OrderFacts,
  then: Stepped,
): Stepped | undefined => {
  const last = before.at(-1)?.advance;
  const moved = input.type === migrationRequested ? migrated(before, facts, input) : undefined;
  if (moved !== undefined) return 'advance' in moved ? asStepped(moved.advance) : undefined;
  const version = knownVersion(last?.machine.version ?? then.machine);
  const advance = step(last?.state ?? accepted, input, facts, anyTimes, version);
  return advance && asStepped(advance);
};

const asStepped = ({ machine, state, commands, timers }: Advance): Stepped => ({
  machine: machine.version,
  state,
  commands: commands.map(({ id, type, data }) => ({ id, type, data: data as object })),
  timers: {
    set: timers.set.map(({ id, kind }) => ({ id, kind })),
    cancelled: timers.cancelled,
  },
});

/** With the ids told in the place of those that were made of other data: of what stands replaced in the history. */
const renamed = (found: Stepped, told: Stepped): Stepped =>
  found.commands.reduce((renaming, { id, type }, index) => {
    const other = told.commands[index];
    if (other?.type !== type || personalFields(commandData[type as CommandName]).length === 0)
      return renaming;
    return JSON.parse(JSON.stringify(renaming).replaceAll(id, other.id)) as Stepped;
  }, found);
