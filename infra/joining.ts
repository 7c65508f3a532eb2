import { UnavailableError } from './errors.ts';

/** The most that is asked in one statement. */
const askedMax = 500;

type Waiting<Ask, Answer> = {
  readonly ask: Ask;
  readonly signal: AbortSignal;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Joins what is asked: `answer` is called for all that was asked in one turn of the event loop or while it was busy,
 * and answers in the same order. What is no longer waited for is left out. A failure that is not of the other side's
 * being away is the fault of what was asked, so then each is asked by itself.
 */
export const joining = <Ask, Answer>(answer: (asks: readonly Ask[]) => Promise<readonly Answer[]>) => {
  let waiting: Waiting<Ask, Answer>[] = [];
  let busy = false;

  const answerAll = async (batch: readonly Waiting<Ask, Answer>[]): Promise<void> => {
    try {
      const answers = await answer(batch.map(({ ask }) => ask));
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index]!);
    } catch (error) {
      if (batch.length > 1 && !(error instanceof UnavailableError))
        for (const one of batch) await answerAll([one]);
      else for (const { reject } of batch) reject(error);
    }
  };

  const pump = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, askedMax);
      waiting = waiting.slice(askedMax);
      const wanted = batch.filter(({ signal, reject }) => {
        if (signal.aborted) reject(new Error('nobody waited for the answer'));
        return !signal.aborted;
      });
      if (wanted.length > 0) await answerAll(wanted);
    }
    busy = false;
  };

  return (ask: Ask, signal: AbortSignal): Promise<Answer> =>
    new Promise((resolve, reject) => {
      waiting.push({ ask, signal, resolve, reject });
      if (busy) return;
      busy = true;
      setImmediate(() => void pump());
    });
};
