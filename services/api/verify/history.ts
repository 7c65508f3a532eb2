import { answered } from '@recourse/contracts/answers';
import { upcast } from '@recourse/contracts/upcasters';
import { UnknownVersionError } from '@recourse/infra/errors';
import type { RecordsHeard } from '@recourse/infra/log/verify';
import { type FindingList, findingList, textOf } from '@recourse/infra/log/verify-findings';
import type { HistoryOf, SoundRecord } from '@recourse/infra/log/verify-history';
import { migrationRequested } from '@recourse/sagas/migrate';
import { hears, type OrderFacts, type SagaInput } from '@recourse/sagas/step';
import { commandCheck } from './command-check.ts';
import { openOrders } from './open-orders.ts';
import { isOfOrder, type OrderEntry, recordText } from './order-entry.ts';
import { sagaCheck } from './saga-check.ts';

/**
 * Checks sagas and commands while the log is read: each record once, in its order, with what is open kept in memory and
 * what has ended forgotten.
 */
export const historyCheck = (
  sagaFindings: FindingList,
  commandFindings: FindingList,
  historyOf: HistoryOf,
  ordersMax?: number,
) => {
  const checks = orderChecks(sagaFindings, commandFindings, historyOf);
  // What is read again was looked at before: what it finds is known.
  const again = orderChecks(findingList(), findingList(), historyOf);
  const orders = openOrders({
    hear: (entry, record, isAgain) => (isAgain ? again : checks).hear(entry, record),
    judge: checks.commands.judge,
    historyOf,
    ordersMax,
  });

  const heard: Omit<RecordsHeard, 'onProgress'> = {
    hears: matters,
    onRecord: (record) => {
      if (!isOfOrder(record)) return;
      const entry = orders.of(record);
      if (entry === undefined) return;
      checks.hear(entry, record);
      orders.heard(entry, record);
    },
    onLost: orders.spoil,
    onEnd: orders.judgeAll,
  };
  const looked = () => ({
    sagas: checks.sagas.looked,
    commands: checks.commands.looked,
    unjudged: orders.unjudged(),
  });
  return { heard, looked };
};

/** Whether a type of event says anything about sagas and commands; intents and stock records do not. */
const matters = (type: string): boolean =>
  type === 'SagaAdvanced' || type === migrationRequested || answered.has(type) || hears(type);

/** What is done with each record of an order. */
const orderChecks = (sagaFindings: FindingList, commandFindings: FindingList, historyOf: HistoryOf) => {
  const commands = commandCheck(commandFindings);
  const sagas = sagaCheck(sagaFindings, commands, historyOf);

  const take = (entry: OrderEntry, record: SoundRecord): void => {
    if (record.type === 'SagaAdvanced') {
      sagas.advance(entry, record);
      return;
    }
    const data = upcast(record.type, record.version, JSON.parse(record.data));
    if (record.type === 'OrderCreated' && record.revision === 0) entry.facts = data as OrderFacts;
    if (answered.has(record.type)) commands.answer(entry, record, data);
    entry.inputs.push(inputOf(record, data));
  };

  const hear = (entry: OrderEntry, record: SoundRecord): void => {
    if (entry.spoiled || !matters(record.type)) return;
    try {
      take(entry, record);
    } catch (error) {
      // It matches its checksum, and is not what its schema says: whoever wrote it, no Recourse did.
      const subject = `position ${record.position}`;
      const detail = `${recordText(record)} is no ${record.type} that can be read: ${textOf(error)}`;
      if (error instanceof UnknownVersionError)
        sagaFindings.add('unchecked', 'unknown-saga-version', subject, detail);
      else sagaFindings.add('drift', 'data-unreadable', subject, detail);
      entry.spoiled = true;
    }
  };

  return { hear, commands, sagas };
};

const inputOf = ({ id, type, category, revision }: SoundRecord, data: unknown): SagaInput =>
  ({ id, type, category, revision, data }) as SagaInput;
