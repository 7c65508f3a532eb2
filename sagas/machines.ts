import type { CommandName } from '@recourse/contracts/commands';
import { UnknownVersionError } from '@recourse/infra/errors';
import { orderSagaV1 } from './order-saga-v1.ts';
import { orderSagaV2 } from './order-saga-v2.ts';

/** The versions of `order-saga` that this build runs. A saga is pinned to the one that its last SagaAdvanced names. */
export const machines = { 1: orderSagaV1, 2: orderSagaV2 } as const;

/** A version of `order-saga` that this build runs. */
export type SagaVersion = keyof typeof machines;

/** The versions, the oldest first. */
export const sagaVersions: readonly SagaVersion[] = [1, 2];

/** Whether this build runs a version. */
export const isKnownVersion = (version: number): version is SagaVersion =>
  sagaVersions.some((known) => known === version);

/**
 * The version to which an open saga is pinned. Throws `UnknownVersionError` on one that this build does not know: it
 * cannot go on with that saga, and must not take it for another.
 */
export const knownVersion = (version: number): SagaVersion => {
  if (isKnownVersion(version)) return version;
  throw new UnknownVersionError(
    `order-saga version ${version} is not known to this Recourse, which knows ${sagaVersions.join(' and ')}: start a newer one, on every machine, before new orders begin on it`,
  );
};

/**
 * Throws `UnknownVersionError` on a version that is newer than all that this build knows. One that is older, and was
 * taken out, is no reason to stop: sagas that have ended on it stay in the log.
 */
export const refuseNewer = (version: number): void => {
  if (version > sagaVersions.at(-1)!) knownVersion(version);
};

/** The command that a state of a version issues when it is entered, if it issues one. */
export const commandOf = (version: SagaVersion, state: string): CommandName | undefined => {
  const states = machines[version].states as Readonly<Record<string, { readonly entry: readonly unknown[] }>>;
  const [entry] = (states[state]?.entry ?? []) as readonly { params?: { command: CommandName } }[];
  return entry?.params?.command;
};
