import type { EventData } from '@recourse/contracts/events';
import { type AnyActorScope, createActor } from 'xstate';
import type { SagaAction, SagaEvent } from './chart-parts.ts';
import { machines, type SagaVersion } from './machines.ts';

type SagaState = EventData['SagaAdvanced']['state'];

/** What hearing an event leads to: the next state's name, status and context, and what the chart asks its shell to do. */
export type Transition = {
  readonly value: string;
  readonly status: SagaState['status'];
  readonly context: SagaState['context'];
  readonly actions: readonly SagaAction[];
};

/** A transition without its context. */
type Outcome = Omit<Transition, 'context'>;

/** One inert scope for all transitions: making one for each costs nine times the transition itself (xstate #5331). */
const executed: SagaAction[] = [];
const scope = (() => {
  const self = createActor(machines[1]);
  const nothing = () => {};
  const inert = {
    self,
    id: '',
    sessionId: '',
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
  };
  const actionExecutor = (action: unknown) => void executed.push(action as SagaAction);
  return { ...inert, system: self.system, actionExecutor } as unknown as AnyActorScope;
})();

/**
 * What is known of each machine's transitions, by state, status and event. A chart is a pure function of state, context
 * and event: where it has looked at nothing of the context, and hands it on as it is, the same holds for every order.
 * `looks`: it has looked.
 */
const known = new WeakMap<object, Map<string, Outcome | 'ignored' | 'looks'>>();

/** Hears one event in the chart; nothing where it is ignored there. */
export const transition = (
  state: SagaState,
  event: SagaEvent,
  version: SagaVersion,
): Transition | undefined => {
  const machine = machines[version];
  // An event that says more than its type is looked at, too.
  if (event.type === 'AskDue') return run(machine, state, event);
  const outcomes = known.get(machine) ?? new Map<string, Outcome | 'ignored' | 'looks'>();
  known.set(machine, outcomes);
  const key = `${state.value} ${state.status} ${event.type}`;
  let outcome = outcomes.get(key);
  if (outcome === undefined) {
    outcome = outcomeOf(machine, state, event);
    outcomes.set(key, outcome);
  }
  if (outcome === 'looks') return run(machine, state, event);
  return outcome === 'ignored' ? undefined : { ...outcome, context: state.context };
};

/** An action without what it was asked in. */
const bare = (action: SagaAction): SagaAction =>
  ('params' in action ? { type: action.type, params: action.params } : { type: action.type }) as SagaAction;

const run = (
  it: (typeof machines)[SagaVersion],
  state: SagaState,
  event: SagaEvent,
): Transition | undefined => {
  executed.length = 0;
  const machine: (typeof machines)[1] = it as never;
  const before = machine.resolveState({
    value: state.value as never,
    context: state.context,
    status: state.status,
  });
  const after = machine.transition(before, event, scope as never);
  if (after === before && executed.length === 0) return undefined;
  return {
    value: after.value as string,
    status: after.status === 'done' ? 'done' : 'active',
    context: after.context,
    actions: executed.map(bare),
  };
};

/** Hears an event in a context that says whether anything was read of it. */
const outcomeOf = (
  machine: (typeof machines)[SagaVersion],
  state: SagaState,
  event: SagaEvent,
): Outcome | 'ignored' | 'looks' => {
  let looked = false;
  const look = () => {
    looked = true;
  };
  const context = new Proxy(state.context, {
    get: (target, key) => {
      look();
      return Reflect.get(target, key);
    },
    has: (target, key) => {
      look();
      return Reflect.has(target, key);
    },
    ownKeys: (target) => {
      look();
      return Reflect.ownKeys(target);
    },
    getOwnPropertyDescriptor: (target, key) => {
      look();
      return Reflect.getOwnPropertyDescriptor(target, key);
    },
  });
  const found = run(machine, { ...state, context }, event);
  if (looked || (found !== undefined && found.context !== context)) return 'looks';
  if (found === undefined) return 'ignored';
  const { value, status, actions } = found;
  return { value, status, actions };
};
