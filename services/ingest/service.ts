import type { AnswerEvent, Foreign } from '@recourse/contracts/answers';
import type { OrderId } from '@recourse/contracts/ids';
import { type DeciderStore, deciderStore } from '@recourse/infra/decider';
import { PermanentError } from '@recourse/infra/errors';
import type { ConsumerGroup, Message } from '@recourse/infra/ports/broker';
import type { EventLog } from '@recourse/infra/ports/event-log';
import type { Logger } from 'pino';
import { readAnswer } from './answer.ts';
import { type Answers, answers, type Taken } from './answers.ts';
import { issuedCommands } from './issued.ts';

type Store = DeciderStore<Answers, Taken, AnswerEvent>;

/** Takes the answers of participants that are somebody else's program into the log. */
export type IngestService = {
  /** One group over the topics on which they answer; none where nobody is foreign. */
  readonly groups: readonly ConsumerGroup[];
};

/**
 * Wires the decider that takes answers to the log. `foreign`: whose topics are heard; on those of other participants
 * nobody may answer.
 *
 * The group takes one answer to each command that the order's saga issued, and appends it to the participant's stream,
 * from where it goes the way of every event. What can never be taken rejects with `PermanentError` and becomes a dead
 * letter, which flags its saga: the order waits for a person, others go on.
 */
export const ingestService = ({
  log,
  foreign,
  logger,
}: {
  readonly log: EventLog;
  readonly foreign: ReadonlySet<Foreign>;
  readonly logger: Logger;
}): IngestService => {
  const issued = issuedCommands(log);
  const stores = new Map<string, Store>(
    [...foreign].map((it) => [`${it}.replies`, deciderStore(log, it, answers)]),
  );

  const handle = async (message: Message): Promise<void> => {
    const taking = stores.get(message.topic);
    if (message.kind !== 'reply' || taking === undefined)
      throw new PermanentError(`ingest does not take ${message.type} from ${message.topic}`);
    const { orderId, commandId, event } = readAnswer(message);
    const asked = await issued(orderId, commandId);
    if (asked === undefined)
      throw new PermanentError(`${event.type}: the order's saga never issued command ${commandId}`);
    const state = await take(taking, orderId, { asked, event });
    const last = state.at(-1);
    if (last !== undefined && isLate(last) && last.data.commandId === commandId)
      logger.warn(
        { orderId, commandId, type: event.type },
        'an answer came late: it is on record, flags its saga, and decides nothing',
      );
  };

  const group: ConsumerGroup = {
    group: 'ingest',
    topics: [...foreign].map((it) => `${it}.replies` as const),
    handle,
    onAssigned: async () => {
      for (const it of stores.values()) it.forget();
    },
  };
  return { groups: foreign.size === 0 ? [] : [group] };
};

/** Takes an answer. What appends nothing is fenced by nothing, so it is never decided from memory. */
const take = async (store: Store, orderId: OrderId, taken: Taken): Promise<Answers> => {
  const decide = () => store.handle(orderId, taken, taken.asked.id);
  const known = store.peek(orderId);
  try {
    const { state, revision } = await decide();
    if (revision !== known?.revision) return state;
  } catch (error) {
    if (known === undefined || !(error instanceof PermanentError)) throw error;
  }
  store.forget(orderId);
  return (await decide()).state;
};

const isLate = ({ data }: AnswerEvent) => 'late' in data && data.late === true;
