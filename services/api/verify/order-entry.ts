import type { CommandName } from '@recourse/contracts/commands';
import type { OrderCategory } from '@recourse/contracts/streams';
import type { SoundRecord } from '@recourse/infra/log/verify-history';
import { accepted, type OrderFacts, type SagaInput, type SagaState } from '@recourse/sagas/step';

/** A command that an order's saga issued. */
export type Issued = {
  readonly id: string;
  readonly type: CommandName;
  /** Of the SagaAdvanced that issued it first. */
  readonly position: number;
  /** How often it was answered, late answers not counted. */
  answers: number;
};

/** What has to be remembered of an order until its saga ends. */
export type OrderEntry = {
  readonly id: number;
  readonly name: string;
  facts: OrderFacts | undefined;
  /** Where the saga stands, as the machine has it. */
  state: SagaState;
  /** Where the log says that it stands, if its last step was not what the machine gives. */
  storedState: SagaState | undefined;
  /** Its machine's version; 0 before its first step. */
  version: number;
  /** The position of its last step. */
  position: number;
  /** Events that the saga may hear and has not yet. */
  inputs: SagaInput[];
  readonly commands: Issued[];
  /** Why it cannot be judged: records of it are lost, or of versions that this build does not know. */
  spoiled: boolean;
};

/** An order of which nothing is known yet. */
export const emptyEntry = ({ ownerId, owner }: Pick<SoundRecord, 'ownerId' | 'owner'>): OrderEntry => ({
  id: ownerId,
  name: owner,
  facts: undefined,
  state: accepted,
  storedState: undefined,
  version: 0,
  position: 0,
  inputs: [],
  commands: [],
  spoiled: false,
});

const orderCategories: ReadonlySet<string> = new Set<OrderCategory>([
  'order',
  'saga',
  'saga-input',
  'payment',
  'inventory',
  'shipping',
]);

/** Whether a record stands in one of an order's streams. */
export const isOfOrder = ({ category }: SoundRecord): boolean => orderCategories.has(category);

/** A record of a stream of an order, with its name, for a finding. */
export const recordText = ({ position, category, owner, revision }: SoundRecord): string =>
  `record ${position} (${category}-${owner} revision ${revision})`;
