import type { EventData } from '@recourse/contracts/events';
import type { OrderId } from '@recourse/contracts/ids';
import type { RecordedEvent } from '@recourse/infra/ports/event-log';
import { type Reads, type Shown, select } from '@recourse/infra/project/select';

/**
 * Reads a projection by its name, all of it at one position; `reads` may be called again where another build of it has
 * begun to serve meanwhile. Rejects with `UnavailableError` where that cannot be read now.
 */
export type ReadProjection = <T>(name: string, reads: () => Reads<T>) => Promise<Shown<T>>;

/** A saga that is open, and the position of its OrderCreated: newer ones have higher ones. */
export type OpenSaga = { readonly sagaId: OrderId; readonly position: number };

/** All open sagas, the oldest first, whichever version of the projection has folded them. */
export const openSagas = (): Reads<readonly OpenSaga[]> =>
  select<OpenSaga>('select sagaId, position from sagas where endedAt is null order by position');

/** Brings the open sagas forward by one record of the log: an order begins one, its last step ends it. */
export const bringForward = (
  open: Map<OrderId, OpenSaga>,
  { type, data, position, correlation }: Pick<RecordedEvent, 'type' | 'data' | 'position' | 'correlation'>,
): void => {
  const sagaId = correlation as OrderId;
  if (type === 'OrderCreated') open.set(sagaId, { sagaId, position });
  else if (type === 'SagaAdvanced' && (data as EventData['SagaAdvanced']).state.status === 'done')
    open.delete(sagaId);
};
