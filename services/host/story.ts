import type { CloudEvent } from '@recourse/contracts/envelope';
import { type Step, sinceText, stepsOf } from './steps.ts';
import { type Cell, colours } from './terminal.ts';

/** One line of an order's story: an event, or a command that a step of its saga issued. */
export type StoryLine = Step & {
  /** From 1, in the order in which they are told. */
  readonly number: number;
  /** The number of the line that caused it; `undefined` where it was a caller: the shop, or a person. */
  readonly cause: number | undefined;
  /** Milliseconds since the line before. */
  readonly since: number | undefined;
};

/**
 * Tells an order's story, piece by piece as its events come in the order of the log. No effect is told before its
 * cause. A command that was asked again is a line each time; what follows names the last of them.
 */
export const storyTeller = () => {
  const numberOf = new Map<string, number>();
  let told = 0;
  let before: number | undefined;

  const lineOf = (step: Step, cause: number | undefined): StoryLine => {
    told += 1;
    numberOf.set(step.id, told);
    const since = before === undefined ? undefined : step.time - before;
    before = step.time;
    return { ...step, number: told, cause, since };
  };

  return {
    tell: (events: readonly CloudEvent[]): StoryLine[] =>
      causesFirst(events).flatMap((event) => {
        const [first, ...commands] = stepsOf(event);
        if (first === undefined) return [];
        const line = lineOf(first, numberOf.get(event.causationid));
        return [line, ...commands.map((command) => lineOf(command, line.number))];
      }),
  };
};

/** The events in their order, but each after the one that caused it. Those of one log stand so already. */
const causesFirst = (events: readonly CloudEvent[]): CloudEvent[] => {
  const makerOf = new Map<string, CloudEvent>();
  for (const event of events.toReversed())
    for (const { id } of stepsOf(event)) if (id !== event.causationid) makerOf.set(id, event);
  const placed = new Set<CloudEvent>();
  const place = (event: CloudEvent): void => {
    if (placed.has(event)) return;
    placed.add(event);
    const cause = makerOf.get(event.causationid);
    if (cause !== undefined) place(cause);
    ordered.push(event);
  };
  const ordered: CloudEvent[] = [];
  for (const event of events) place(event);
  return ordered;
};

/** The head of the table of a story, and which of its columns are aligned to the right. */
export const storyHead: readonly Cell[] = ['#', 'time', 'since', 'who', 'event or command', 'because of', ''];
export const storyRight: readonly number[] = [0, 2];

const whoWidth = 12;
const nameWidth = 26;
const sinceWidth = 10;

/** A line as the cells of a table; wide enough that what comes later stands below what came before. */
export const storyRow = (line: StoryLine): readonly Cell[] => {
  const paint = line.kind === 'command' ? colours.cyan : line.who === 'saga' ? colours.dim : String;
  const name = line.kind === 'command' ? `→ ${line.name}` : line.name;
  return [
    String(line.number).padStart(3),
    new Date(line.time).toISOString(),
    (line.since === undefined ? '' : sinceText(line.since)).padStart(sinceWidth),
    line.who.padEnd(whoWidth),
    { text: name.padEnd(nameWidth), paint },
    (line.cause === undefined ? 'a caller' : `#${line.cause}`).padEnd(storyHead[5]!.toString().length),
    line.detail,
  ];
};
