import { upcast } from '@recourse/contracts/upcasters';
import type { SoundRecord } from '@recourse/infra/log/verify-history';
import { type Heard, heardInput } from '@recourse/sagas/history';
import type { Advance } from '@recourse/sagas/step';

/** All that a saga has heard, out of the records of its order: each step with the body of its input. */
export const heardBefore = (records: readonly SoundRecord[]): Heard[] => {
  const bodies = new Map(records.map(({ id, type, version, data }) => [id, { type, version, data }]));
  return records
    .filter(({ type }) => type === 'SagaAdvanced')
    .map(({ type, version, data }) => {
      const advance = upcast(type, version, JSON.parse(data)) as Advance;
      const body = bodies.get(advance.input.id);
      const heard = body && upcast(body.type, body.version, JSON.parse(body.data));
      return { input: heardInput(advance, heard), advance };
    });
};
