import type { Foreign } from '@recourse/contracts/answers';
import type { CommandData, CommandName } from '@recourse/contracts/commands';
import type { CommandId, OrderId } from '@recourse/contracts/ids';
import { StartError } from '@recourse/infra/errors';
import { uuidV5 } from '@recourse/infra/event-id';
import type { Clock } from '@recourse/infra/ports/clock';
import type { Ids } from '@recourse/infra/ports/ids';
import { isSame } from './judge.ts';
import { type Check, check } from './promises.ts';
import { type Asked, commandIdOf, type Heard, type Talk } from './talk.ts';
import type { Way } from './ways.ts';

/** What is tried of each way, each with an order of its own. */

/** What a try works with; `data`: of each command. */
export type Trying = {
  readonly talk: Talk;
  readonly participant: Foreign;
  readonly data: Readonly<CommandData>;
  readonly ids: Ids;
  readonly clock: Clock;
  /** Of the topics, for people. */
  readonly prefix: string;
  /** How long it may take until it answers at all. */
  readonly startMsMax: number;
};

/** An order of one try: asks by a name for each command, and waits for what is answered. */
const anOrder = ({ talk, data, ids }: Trying) => {
  const orderId = ids.next() as OrderId;
  const command = (name: string, type: string): Asked => ({
    orderId,
    id: uuidV5(orderId, name) as CommandId,
    type,
    data: data[type as CommandName] ?? {},
  });
  const ask = async (it: Asked, nth = 1): Promise<Heard | undefined> => {
    await talk.ask(it);
    return await talk.answer(it.id, nth);
  };
  return { command, ask };
};

const unanswered = (command: CommandName, which: string): Check =>
  check('answers', command, false, `${which} was not answered in time`);

const same = (command: CommandName, what: string, first: Heard, again: Heard | undefined): Check =>
  again === undefined
    ? unanswered(command, what)
    : check('same-answer', command, isSame(first, again), `${what}: ${typesOf(first, again)}`);

const typesOf = (first: Heard, again: Heard): string => {
  const [one, other] = [first.headers.ce_type, again.headers.ce_type];
  if (one !== other) return `${one}, then ${other}`;
  return isSame(first, again) ? `${one}` : `${one} with other data`;
};

/** Waits until the participant answers at all: it may just be starting. Rejects with `StartError` `no-answer`. */
export const found = async (trying: Trying, { undo }: Way): Promise<void> => {
  const { clock, prefix, participant, startMsMax } = trying;
  const { command, ask } = anOrder(trying);
  const probe = command('probe', undo);
  const until = clock.monotonic() + startMsMax;
  do {
    if ((await ask(probe)) !== undefined) return;
  } while (clock.monotonic() < until);
  throw new StartError(
    'no-answer',
    `${undo} on ${prefix}${participant}.commands is not answered on ${prefix}${participant}.replies, naming its commandId, within ${startMsMax} ms (START_WAIT_MS_MAX). Check that ${participant} runs there, with the prefix ${JSON.stringify(prefix)}.`,
  );
};

/** Does a step, twice; undoes it, twice; and does it a third time, which still gets the answer of the first. */
export const repeated = async (trying: Trying, way: Way): Promise<Check[]> => {
  const { command, ask } = anOrder(trying);
  const doing = command('do', way.do);
  const first = await ask(doing);
  if (first === undefined) return [unanswered(way.do, 'the first time it')];
  const isDone = first.headers.ce_type === way.done;
  const checks = [
    check('answers', way.do, true, `${first.headers.ce_type}`),
    check(
      'done',
      way.do,
      isDone,
      isDone ? way.done : `${first.headers.ce_type}: give data that it accepts by --data`,
    ),
    same(way.do, 'a second time', first, await ask(doing, 2)),
  ];
  const undoing = command('undo', way.undo);
  const undone = await ask(undoing);
  if (undone === undefined) return [...checks, unanswered(way.undo, 'after the step it')];
  return [
    ...checks,
    undoCheck(way, isDone, undone),
    same(way.undo, 'a second time', undone, await ask(undoing, 2)),
    same(way.do, 'a third time, after its undo', first, await ask(doing, 3)),
  ];
};

const undoCheck = (way: Way, isDone: boolean, { headers, data }: Heard): Check => {
  const type = headers.ce_type;
  const { nothing } = (data ?? {}) as { readonly nothing?: unknown };
  const owed = isDone ? (way.undoRefused ?? way.undone) : way.undone;
  const kept = type === owed && (owed === way.undoRefused || nothing === !isDone);
  const said = nothing === undefined ? `${type}` : `${type}, nothing: ${nothing}`;
  const after = isDone ? way.done : way.refused;
  return check(
    'undo',
    way.undo,
    kept,
    kept ? `${said} after ${after}` : `${said} after ${after}: ${owed} is owed`,
  );
};

/** Undoes a step that never happened; then the step comes after all. */
export const neverHappened = async (trying: Trying, way: Way): Promise<Check[]> => {
  const { command, ask } = anOrder(trying);
  const undoing = command('undo', way.undo);
  const undone = await ask(undoing);
  if (undone === undefined) return [unanswered(way.undo, 'on a step that never happened it')];
  const { nothing, amount = 0 } = (undone.data ?? {}) as {
    readonly nothing?: unknown;
    readonly amount?: unknown;
  };
  const type = undone.headers.ce_type;
  const isTombstone = type === way.undone && nothing === true && amount === 0;
  const doing = command('do', way.do);
  await trying.talk.ask(doing);
  // It may be refused or passed by in silence; the answer to what is asked after it shows that it had its turn.
  const again = await ask(undoing, 2);
  const late = trying.talk.heard().find((it) => commandIdOf(it) === doing.id);
  const refused = late?.headers.ce_type !== way.done;
  return [
    check('tombstone', way.undo, isTombstone, `${type}, nothing: ${nothing}`),
    check('late-do', way.do, refused, late === undefined ? 'passed by' : `${late.headers.ce_type}`),
    same(way.undo, 'again, after the late step', undone, again),
  ];
};

/** Sends a step and its undo at once. */
export const inOneSend = async (trying: Trying, way: Way): Promise<Check[]> => {
  const { talk } = trying;
  const { command } = anOrder(trying);
  const [doing, undoing] = [command('do', way.do), command('undo', way.undo)];
  await talk.ask(doing, undoing);
  const [done, undone] = await Promise.all([talk.answer(doing.id), talk.answer(undoing.id)]);
  if (done === undefined || undone === undefined)
    return [unanswered(done === undefined ? way.do : way.undo, 'sent at once with the other it')];
  const inOrder = talk.heard().indexOf(done) < talk.heard().indexOf(undone);
  const seen = `${done.headers.ce_type} and ${undone.headers.ce_type}`;
  return [check('order', way.do, inOrder, inOrder ? seen : `${seen}, the undo answered first`)];
};

/** Sends something that nobody knows before a step. */
export const unknownFirst = async (trying: Trying, way: Way): Promise<Check[]> => {
  const { talk } = trying;
  const { command } = anOrder(trying);
  const [strange, doing] = [command('strange', 'FoldPaperBoat'), command('do', way.do)];
  await talk.ask(strange, doing);
  const done = await talk.answer(doing.id);
  const said = talk.heard().find((it) => commandIdOf(it) === strange.id);
  if (done === undefined) return [check('unknown', way.do, false, 'what came after it was not answered')];
  return [
    check(
      'unknown',
      way.do,
      said === undefined,
      said === undefined ? 'passed by' : `${said.headers.ce_type}`,
    ),
  ];
};

/** Does a step and what follows it. */
export const followed = async (trying: Trying, { do: first, done, next }: Way): Promise<Check[]> => {
  if (next === undefined) return [];
  const { command, ask } = anOrder(trying);
  const doing = await ask(command('do', first));
  if (doing?.headers.ce_type !== done) return [];
  const following = command('next', next.do);
  const answer = await ask(following);
  if (answer === undefined) return [unanswered(next.do, 'it')];
  const type = answer.headers.ce_type;
  return [
    check('done', next.do, type === next.done, `${type}`),
    same(next.do, 'a second time', answer, await ask(following, 2)),
  ];
};
