import { isDeepStrictEqual } from 'node:util';
import { upcast } from '@recourse/contracts/upcasters';
import type { FindingList } from '@recourse/infra/log/verify-findings';
import type { HistoryOf, SoundRecord } from '@recourse/infra/log/verify-history';
import { type SagaVersion, sagaVersions } from '@recourse/sagas/machines';
import { migrated, migrationRequested } from '@recourse/sagas/migrate';
import { type Advance, type SagaInput, type SagaState, step } from '@recourse/sagas/step';
import type { CommandCheck } from './command-check.ts';
import { firstDifference, uncompared } from './differences.ts';
import { type OrderEntry, recordText } from './order-entry.ts';
import { heardBefore } from './saga-history.ts';

/** What comes of re-running a step: it is as the machine has it, or not, or it cannot be told. */
type Rerun = { readonly found: Advance | undefined; readonly equal: boolean };

/**
 * Sees that every SagaAdvanced is what its version of the machine makes of the state before and of its input. How long
 * timers take and the versions of commands' schemas are configuration: not compared.
 */
export const sagaCheck = (findings: FindingList, commands: CommandCheck, historyOf: HistoryOf) => {
  const looked = { steps: 0, sagas: 0, migrations: 0 };
  /** The durations that the log shows, so that most steps are the same text and need not be parsed. */
  const times = { askDelaysMs: [1_000], deadlineMs: 300_000 };

  const accept = (entry: OrderEntry, record: SoundRecord, it: Advance): void => {
    const { category, revision } = it.input;
    entry.inputs = entry.inputs.filter((input) => input.category !== category || input.revision > revision);
    entry.state = it.state;
    entry.storedState = undefined;
    entry.version = it.machine.version;
    entry.position = record.position;
    commands.issue(entry, it.commands, record.position);
  };

  /** The step as the machine has it, where it is the very text that is stored; else nothing is said. */
  const sameText = (entry: OrderEntry, record: SoundRecord): Advance | undefined => {
    const input = entry.inputs.find(({ id }) => id === record.causation);
    if (input === undefined || input.type === migrationRequested || entry.facts === undefined)
      return undefined;
    const version = entry.version === 0 ? versionIn(record.data) : entry.version;
    const found = step(entry.state, input, entry.facts, times, version as SagaVersion);
    return found !== undefined && textOf(found, record) === record.data ? found : undefined;
  };

  const rerun = (entry: OrderEntry, record: SoundRecord, stored: Advance, state: SagaState): Rerun => {
    const { input: heard } = stored;
    const input = inputOf(entry, stored);
    let found: Advance | undefined;
    if (input?.type === migrationRequested) {
      const moved = migrated(heardBefore(historyOf(entry, record.position)), entry.facts!, input);
      if ('advance' in moved) found = moved.advance;
    } else if (input !== undefined) {
      const version = entry.version === 0 ? stored.machine.version : entry.version;
      const started = heard.started === undefined ? {} : { started: heard.started };
      found = step(state, { ...input, ...started }, entry.facts!, times, version as SagaVersion);
    }
    return { found, equal: found !== undefined && isDeepStrictEqual(uncompared(found), uncompared(stored)) };
  };

  const say = (entry: OrderEntry, record: SoundRecord, stored: Advance, found: Advance | undefined) => {
    const { input } = stored;
    const it = `${recordText(record)} heard ${input.type} (${input.category} revision ${input.revision}) in ${entry.state.value}`;
    const subject = `saga-${record.owner} revision ${record.revision}`;
    if (inputOf(entry, stored) === undefined)
      return findings.add(
        'drift',
        'saga-input-missing',
        subject,
        `${it}: the log does not hold that before it`,
      );
    const what =
      found === undefined
        ? `machine ${stored.machine.version} does not hear that there`
        : firstDifference(uncompared(stored), uncompared(found));
    findings.add('drift', 'saga-differs', subject, `${it}: ${what}`);
  };

  /** Parses what is stored and compares it piece by piece. */
  const compare = (entry: OrderEntry, record: SoundRecord): void => {
    const stored = upcast(record.type, record.version, JSON.parse(record.data)) as Advance;
    if (!sagaVersions.includes(stored.machine.version as SagaVersion)) {
      const detail = `${recordText(record)} is of machine version ${stored.machine.version}, which this Recourse does not know: start a newer one`;
      findings.add('unchecked', 'unknown-saga-version', `saga-${record.owner}`, detail);
      entry.spoiled = true;
      return;
    }
    if (stored.input.type === migrationRequested) looked.migrations += 1;
    const { found, equal } = rerun(entry, record, stored, entry.state);
    // After a step that was changed the next one may follow from it as it was, or as it is now.
    const { storedState } = entry;
    if (equal || (storedState !== undefined && rerun(entry, record, stored, storedState).equal)) {
      learnTimes(times, stored);
      accept(entry, record, stored);
      return;
    }
    say(entry, record, stored, found);
    const { state } = entry;
    const told = inputOf(entry, stored) !== undefined;
    accept(entry, record, found ?? stored);
    // Without its input nobody can say where it led; an input that means nothing there leads nowhere.
    const [likely, other] = told ? [found?.state ?? state, stored.state] : [stored.state, state];
    entry.state = likely;
    entry.storedState = other;
  };

  return {
    looked,
    /** Takes the next step of an order's saga. */
    advance: (entry: OrderEntry, record: SoundRecord): void => {
      looked.steps += 1;
      if (record.revision === 0) looked.sagas += 1;
      if (entry.facts === undefined) {
        const detail = `${recordText(record)} is a step of an order whose OrderCreated the log does not hold before it`;
        findings.add('drift', 'saga-without-order', `saga-${record.owner}`, detail);
        entry.spoiled = true;
        return;
      }
      const found = sameText(entry, record);
      if (found === undefined) compare(entry, record);
      else accept(entry, record, found);
    },
  };
};

/** What a step says that it heard, as the log has it. */
const inputOf = ({ inputs }: OrderEntry, { input }: Advance): SagaInput | undefined =>
  inputs.find(
    ({ id, type, category, revision }) =>
      id === input.id && type === input.type && category === input.category && revision === input.revision,
  );

const versionMark = '"machine":{"name":"order-saga","version":';

/** The machine's version that a step's text names, where that is one of a single digit; else the first. */
const versionIn = (text: string): number => {
  const version = Number(text[text.indexOf(versionMark) + versionMark.length]);
  return sagaVersions.includes(version as SagaVersion) ? version : 1;
};

/** A step as it would be stored in that version of its schema. Version 1 named the stream that was heard. */
const textOf = (found: Advance, { version, owner }: SoundRecord): string => {
  const text = JSON.stringify(found);
  if (version !== 1) return text;
  const { category } = found.input;
  return text.replace(`"category":"${category}"`, () => `"stream":"${category}-${owner}"`);
};

/** The first wait and the deadline are what nearly every step sets. */
const learnTimes = (
  times: { askDelaysMs: number[]; deadlineMs: number },
  { state, timers }: Advance,
): void => {
  for (const { kind, afterMs } of timers.set) {
    if (kind === 'deadline') times.deadlineMs = afterMs;
    else if (state.context.outstanding?.asks === 0 && state.context.outstanding.queued === undefined)
      times.askDelaysMs = [afterMs];
  }
};
