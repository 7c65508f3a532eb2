import type { CommandName } from '@recourse/contracts/commands';

/** What a participant that is somebody else's program owes; the name of each stays. */
export const promises = {
  answers: 'Each command is answered in time, however often it comes',
  envelope: 'An answer is a CloudEvent in binary mode, its key is the order',
  schema: 'An answer is one that the participant can give, and its data fits its schema',
  'same-answer': 'The same command gets the same answer, also after its undo',
  done: 'A step that can be done is done',
  undo: 'An undo says what became of the step',
  tombstone: 'An undo of a step that never happened is answered with nothing: true',
  'late-do': 'What comes after its undo is not done',
  order: 'Commands of one order are obeyed in their order',
  unknown: 'A command of an unknown type is passed by, and stops nothing',
  consistent: 'No answer contradicts another',
  unasked: 'Nothing is answered that was not asked',
} as const;

/** The name of a promise. */
export type PromiseName = keyof typeof promises;

/** One promise as it was seen kept or broken. */
export type Check = {
  readonly promise: PromiseName;
  /** With which command it was tried; null: with all that was said. */
  readonly command: CommandName | null;
  readonly kept: boolean;
  /** What was seen. */
  readonly detail: string;
};

/** A promise as it was seen. */
export const check = (
  promise: PromiseName,
  command: CommandName | null,
  kept: boolean,
  detail: string,
): Check => ({
  promise,
  command,
  kept,
  detail,
});
