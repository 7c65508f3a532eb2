import { describe, expect, it } from '@jest/globals';
import type { SagaContext } from '@recourse/contracts/events';
import { transition as xstateTransition } from 'xstate';
import type { SagaEvent } from './chart-parts.ts';
import { machines, sagaVersions } from './machines.ts';
import type { SagaState } from './step.ts';
import { transition } from './transition.ts';

/** Contexts that differ in everything that a chart looks at. */
const contexts = (n: number): SagaContext[] =>
  [
    {},
    { captured: true },
    { because: 'payment-failed' },
    { flags: ['deadline'] },
    { cancelRequested: true },
  ].map(
    (it, index) =>
      ({
        sequence: { order: n, payment: index },
        outstanding: { commandId: `command ${n} ${index}`, type: 'ShipOrder', asks: index * 2 },
        askTimer: `timer ${n}`,
        ...it,
      }) as unknown as SagaContext,
  );

describe.each(sagaVersions)('hearing an event in version %s of the chart', (version) => {
  const machine = machines[version] as (typeof machines)[1];
  const events = machine.events.filter((type) => type !== 'AskDue').map((type) => ({ type }) as SagaEvent);
  const asks = [true, false].flatMap((started) =>
    [true, false].map((overdue): SagaEvent => ({ type: 'AskDue', started, overdue })),
  );
  const cases = Object.keys(machine.states).flatMap((value) =>
    [...events, ...asks].map((event) => ({ value, event })),
  );

  it('leads where the chart leads, however often and in whatever context it was heard before', () => {
    for (const round of [1, 2]) {
      for (const { value, event } of cases) {
        for (const context of contexts(round)) {
          const status = machine.states[value as 'paying']?.type === 'final' ? 'done' : 'active';
          const state = { value, status, context } as SagaState;
          const before = machine.resolveState({ value: value as never, status, context });
          const [after, actions] = xstateTransition(machine, before, event);
          const found = transition(state, event, version);
          const asked = actions.map(({ type, params }) => ({ type, params }));
          const it = { value: after.value, context: after.context, status: after.status, actions: asked };
          expect([round, value, event, found ?? { ...state, actions: [] }]).toEqual([
            round,
            value,
            event,
            it,
          ]);
        }
      }
    }
  });
});
