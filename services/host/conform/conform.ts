import type { Foreign } from '@recourse/contracts/answers';
import { sleep } from '@recourse/infra/ports/clock';
import { answersIt, contradiction, envelopeFault, schemaFault } from './judge.ts';
import { type Check, check, type PromiseName } from './promises.ts';
import { type Asked, commandIdOf, type Heard, type Talk } from './talk.ts';
import { followed, found, inOneSend, neverHappened, repeated, type Trying, unknownFirst } from './tries.ts';
import { ways } from './ways.ts';

/** What came of it. */
export type Conformance = {
  readonly checks: readonly Check[];
  /** How many answers were heard, and how long they took. */
  readonly answers: number;
  readonly medianMs: number | null;
  readonly slowestMs: number | null;
};

/** What comes unasked comes a little later. */
const settleMs = 700;

/**
 * Tries a participant with orders of its own, all ways at once. Resolves however it answers; commands that are never
 * answered take as long as the conversation waits. Rejects with `StartError` `no-answer` where it answers nothing at all.
 */
export const conform = async (trying: Trying): Promise<Conformance> => {
  const { talk, participant, clock } = trying;
  const asked = new Map<string, Asked>();
  const told = {
    ...trying,
    talk: {
      ...talk,
      ask: (...commands: readonly Asked[]) => {
        for (const it of commands) asked.set(it.id, it);
        return talk.ask(...commands);
      },
    },
  };
  await found(told, ways[participant][0]!);
  const tried = ways[participant].flatMap((way) => [
    repeated(told, way),
    neverHappened(told, way),
    inOneSend(told, way),
    unknownFirst(told, way),
    followed(told, way),
  ]);
  const checks = (await Promise.all(tried)).flat();
  await sleep(clock, settleMs);
  const times = timesOf(talk, asked);
  return {
    checks: [...merged(checks), ...ofAll(participant, talk.heard(), asked)],
    answers: talk.heard().length,
    medianMs: times[Math.floor(times.length / 2)] ?? null,
    slowestMs: times.at(-1) ?? null,
  };
};

/** One line where the same was tried several times: the first that was broken, else the first. */
const merged = (checks: readonly Check[]): Check[] =>
  [...Map.groupBy(checks, ({ promise, command }) => `${promise} ${command}`).values()].map((several) => {
    const broken = several.find(({ kept }) => !kept);
    if (broken !== undefined) return broken;
    const seen = [...new Set(several.map(({ detail }) => detail))];
    return { ...several[0]!, detail: seen.join('; ') };
  });

/** What holds of everything that was said. */
const ofAll = (
  participant: Foreign,
  heard: readonly Heard[],
  asked: ReadonlyMap<string, Asked>,
): readonly Check[] => {
  const commandOf = (it: Heard) => asked.get(commandIdOf(it) ?? '');
  const first = (fault: (it: Heard) => string | undefined) =>
    heard.map((it) => [it, fault(it)] as const).find(([, found]) => found !== undefined);
  const judged = (promise: PromiseName, fault: (it: Heard) => string | undefined): Check => {
    const [it, found] = first(fault) ?? [];
    const type = it?.headers.ce_type || 'an answer';
    return check(
      promise,
      null,
      found === undefined,
      found === undefined ? `${heard.length} answers` : `${type}: ${found}`,
    );
  };
  const byOrder = Map.groupBy(heard, (it) => commandOf(it)?.orderId ?? it.key);
  const contradictions = [...byOrder.values()]
    .map((of) => contradiction(participant, of, asked))
    .filter((found) => found !== undefined);
  return [
    judged('envelope', (it) => envelopeFault(it, commandOf(it))),
    judged('schema', (it) => {
      const command = commandOf(it);
      const misfits = command !== undefined && !answersIt(participant, command.type, it.headers.ce_type);
      return misfits ? `it does not answer ${command.type}` : schemaFault(it, participant);
    }),
    judged('unasked', (it) =>
      commandOf(it) === undefined ? 'it names no command that was sent' : undefined,
    ),
    check('consistent', null, contradictions.length === 0, contradictions[0] ?? `${byOrder.size} orders`),
  ];
};

const timesOf = (talk: Talk, asked: ReadonlyMap<string, Asked>): number[] =>
  [...asked.values()]
    .flatMap(({ id }) => {
      const last = talk.heard().findLast((it) => commandIdOf(it) === id);
      const from = talk.askedAt(id);
      return last === undefined || from === undefined ? [] : [Math.round(last.atMs - from)];
    })
    .sort((a, b) => a - b);
