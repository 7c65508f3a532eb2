import { parentPort, workerData } from 'node:worker_threads';
import { verifyLog } from '@recourse/infra/log/verify';
import { type FindingList, findingList } from '@recourse/infra/log/verify-findings';
import { historyCheck } from './history.ts';
import type { CheckName, CheckResult, FromVerifier, VerifySetup } from './protocol.ts';

/** The thread that reads the log from its first record on, and checks it, its sagas and their commands. */
const run = (): readonly CheckResult[] => {
  const { logPath, head } = workerData as VerifySetup;
  const findings = { log: findingList(), sagas: findingList(), commands: findingList() };
  let looked: ReturnType<typeof historyCheck>['looked'] | undefined;
  const { records, streams } = verifyLog(logPath, head, findings.log, (historyOf) => {
    const check = historyCheck(findings.sagas, findings.commands, historyOf);
    looked = check.looked;
    return { ...check.heard, onProgress: (position) => say({ kind: 'progress', position }) };
  });
  // Of a log whose tables cannot even be opened there is nothing else to say.
  const { sagas, commands, unjudged } = looked?.() ?? { sagas: {}, commands: {}, unjudged: 0 };
  return [
    result('log', { records, streams }, findings.log),
    result('sagas', { ...sagas, unjudged }, findings.sagas),
    result('commands', commands, findings.commands),
  ];
};

const say = (message: FromVerifier) => parentPort!.postMessage(message);

const result = (name: CheckName, looked: CheckResult['looked'], list: FindingList): CheckResult => ({
  name,
  looked,
  counts: list.counts(),
  findings: list.listed(),
});

say({ kind: 'done', checks: run() });
