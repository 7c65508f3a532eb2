import type { OrderId } from '@recourse/contracts/ids';
import { StartError, UnavailableError } from '@recourse/infra/errors';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { readSagaHistory } from '@recourse/sagas/history';
import { isKnownVersion, sagaVersions } from '@recourse/sagas/machines';
import { migrationRequested } from '@recourse/sagas/migrate';
import { type Difference, rerun } from '@recourse/sagas/rerun';
import type { Logger } from 'pino';
import { changedStates, type KeptCharts } from './kept-charts.ts';
import type { OpenAtStart } from './open-at-start.ts';

/** How many states, and how many sagas, one complaint names. */
const namedMax = 5;

/** After so many sagas whoever asks whether it lives gets an answer. */
const sagasATurnMax = 50;

/** Sagas of one version: those that are open, and what re-running them found. */
type Pinned = {
  readonly sagas: OrderId[];
  readonly differences: (Difference & { readonly sagaId: OrderId })[];
};

/**
 * Refuses the start where open sagas are pinned to a machine that is another one now: `saga-changed`, naming the states,
 * or `saga-unknown` where this build has no such version at all. Two things tell: the chart that was kept at the last
 * start, and re-running everything that each open saga has heard, which must give the states, commands and timers that
 * the log holds. Costs nothing where no saga is open. In the end the charts are kept for the next start.
 *
 * Records that cannot be read are none of its business: it starts, and says so. Where that leaves sagas unseen, the
 * charts of the last start that saw all of them are those that stay. Resolves with whether it saw all that are open;
 * rejects with `UnavailableError` where the log cannot be asked now.
 */
export const checkMachines = async (options: {
  readonly charts: KeptCharts;
  /** The sagas that are open, and why the rest of the log could not be read, where it could not. */
  readonly open: () => Promise<OpenAtStart>;
  readonly log: EventLog;
  readonly logger: Logger;
}): Promise<boolean> => {
  const { charts, log, logger } = options;
  const pinned = new Map<number, Pinned>();
  const { open, unread } = await options.open();
  if (unread !== undefined)
    logger.warn({ err: unread }, 'the log cannot be read whole: what is open behind that is not looked at');
  let sawAll = unread === undefined;
  for (const [index, sagaId] of open.entries()) {
    if (index % sagasATurnMax === 0) await new Promise((resolve) => setImmediate(resolve));
    try {
      await look(log, sagaId, pinned);
    } catch (error) {
      if (error instanceof UnavailableError) throw error;
      sawAll = false;
      logger.warn({ err: error, orderId: sagaId }, 'an open saga cannot be re-run over what it has heard');
    }
  }
  const complaints: Complaint[] = [];
  for (const [version, sagas] of pinned) complaints.push(...(await complaintsOf(charts, version, sagas)));
  if (complaints.length > 0) {
    const code = complaints.some(({ unknown }) => unknown) ? 'saga-unknown' : 'saga-changed';
    throw new StartError(code, complaints.map(({ text }) => text).join('\n'));
  }
  if (unread === undefined) for (const version of sagaVersions) await charts.keep(version);
  return sawAll;
};

const look = async (log: EventLog, sagaId: OrderId, pinned: Map<number, Pinned>) => {
  const history = await readSagaHistory(log, sagaId);
  if (history?.last === undefined || history.last.data.state.status === 'done') return;
  const { version } = history.last.data.machine;
  const group = pinned.get(version) ?? { sagas: [], differences: [] };
  pinned.set(version, group);
  group.sagas.push(sagaId);
  if (!isKnownVersion(version)) return;
  // What another version has done before it moved is no matter of this one.
  const since = history.heard.findLastIndex(({ input }) => input.type === migrationRequested);
  const difference = rerun(history.heard, history.facts, Math.max(0, since));
  if (difference !== undefined) group.differences.push({ ...difference, sagaId });
};

/** Why the start is refused; `unknown`: this build has no such version. */
type Complaint = { readonly unknown: boolean; readonly text: string };

const complaintsOf = async (
  charts: KeptCharts,
  version: number,
  { sagas, differences }: Pinned,
): Promise<Complaint[]> => {
  const which = `order-saga version ${version}`;
  const named = (ids: readonly OrderId[]) =>
    `${ids.length} open ${ids.length === 1 ? 'saga' : 'sagas'} (${few(ids)})`;
  if (!isKnownVersion(version)) {
    const text = `${which} is not known to this Recourse, and ${named(sagas)} began on it: start a build that has it, until they have ended or moved (docs/change-the-saga.md).`;
    return [{ unknown: true, text }];
  }
  const changed = await changedStates(charts, version);
  const found =
    changed.length > 0
      ? `${named(sagas)} began on another chart. Changed: ${few(changed)}`
      : differences.length > 0
        ? `re-run over what they heard, ${named([...new Set(differences.map(({ sagaId }) => sagaId))])} would have gone another way: ${few([...new Set(differences.map(told))])}`
        : undefined;
  if (found === undefined) return [];
  const text = `${which} is not what it was: ${found}. Make the changed machine a new version beside this one (docs/change-the-saga.md), or start the build that they began on until they have ended.`;
  return [{ unknown: false, text }];
};

const told = ({ state, heard, what, stored, found }: Difference) => {
  const asText = (value: unknown) => {
    const { value: name } = (value ?? {}) as { value?: string };
    return what === 'state' && name !== undefined ? name : JSON.stringify(value);
  };
  if (found === null) return `${state} does not hear ${heard} any more`;
  const [was, is] = [asText(stored), asText(found)];
  return was === is
    ? `in ${state}, ${heard} gives another context`
    : `in ${state}, ${heard} gave ${what} ${was}, and now gives ${is}`;
};

const few = (texts: readonly string[]): string => {
  const more = texts.length > namedMax ? `, and ${texts.length - namedMax} more` : '';
  return `${texts.slice(0, namedMax).join(', ')}${more}`;
};
