import { writeFile } from 'node:fs/promises';
import { commandOf, machines, type SagaVersion, sagaVersions } from './machines.ts';

/** The statechart as data and as a picture, made from the machine itself. `npm run chart` writes both into docs/. */

type SagaAction = { readonly type: string; readonly params?: Readonly<Record<string, string>> };

/** One arrow of the chart. */
export type Arrow = {
  readonly from: string;
  readonly on: string;
  readonly guard?: string;
  readonly to: string;
  /** What is done on the way, each with what it is done with: `because(payment-failed)`. */
  readonly actions?: readonly string[];
};

/**
 * The chart of a version as plain JSON: the command that each state issues, and every arrow. Two machines with the same
 * chart can still differ in what guards and actions do: that only re-running shows.
 */
export const chart = (version: SagaVersion) => {
  const machine: (typeof machines)[1] = machines[version] as never;
  return {
    name: machine.id,
    version: machine.version,
    initial: 'accepted',
    states: Object.values(machine.states).map(({ key, type }) => ({
      name: key,
      final: type === 'final',
      command: commandOf(version, key) ?? null,
    })),
    arrows: Object.values(machine.states).flatMap((state) =>
      [...state.transitions.values()].flat().map(
        ({ eventType, guard, target, actions }): Arrow => ({
          from: state.key,
          on: eventType,
          ...(guard === undefined ? {} : { guard: String(guard) }),
          to: target?.[0]?.key ?? state.key,
          ...(actions.length === 0 ? {} : { actions: actions.map(actionText) }),
        }),
      ),
    ),
  };
};

const actionText = (action: unknown): string => {
  const { type, params = {} } = typeof action === 'string' ? { type: action } : (action as SagaAction);
  const said = Object.values(params);
  return said.length === 0 ? type : `${type}(${said.join()})`;
};

const back = new Set(['cancellingShipment', 'releasing', 'voiding', 'refunding', 'cancelling', 'cancelled']);

/** The chart in the DOT language of Graphviz: the way forward in green, the way back in red. */
export const dot = (version: SagaVersion): string => {
  const { states, arrows } = chart(version);
  const colour = (name: string) => (back.has(name) ? '#b3261e' : '#1b6e3c');
  const nodes = states.map(
    ({ name, command, final }) =>
      `  ${name} [label="${name}${command === null ? '' : `\\n${command}`}", peripheries=${final ? 2 : 1}, color="${colour(name)}"];`,
  );
  const labels = new Map<string, string[]>();
  for (const { from, on, to } of arrows) {
    if (from === to) continue;
    const label = on === 'AskDue' ? 'asked in vain' : on;
    labels.set(`${from} -> ${to}`, [...(labels.get(`${from} -> ${to}`) ?? []), label]);
  }
  const edges = [...labels].map(([edge, ons]) => {
    const to = edge.split(' -> ')[1]!;
    return `  ${edge} [label="${ons.join('\\n')}", color="${colour(to)}", fontcolor="${colour(to)}"];`;
  });
  return `digraph "order-saga" {
  rankdir=LR; bgcolor="white"; nodesep=0.5; ranksep=0.9;
  node [shape=box, style="rounded", fontname="Helvetica", fontsize=12, penwidth=1.4];
  edge [fontname="Helvetica", fontsize=10];
${[...nodes, ...edges].join('\n')}
}
`;
};

if (import.meta.main) {
  const { instance } = await import('@viz-js/viz');
  const docs = new URL('../docs/', import.meta.url);
  const viz = await instance();
  for (const version of sagaVersions) {
    const name = `order-saga-v${version}`;
    await writeFile(new URL(`${name}.json`, docs), `${JSON.stringify(chart(version), null, 2)}\n`);
    await writeFile(new URL(`${name}.svg`, docs), viz.renderString(dot(version), { format: 'svg' }));
  }
}
