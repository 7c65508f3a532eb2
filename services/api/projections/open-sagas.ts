import type { OrderId } from '@recourse/contracts/ids';
import type { Query } from '@recourse/infra/project/read';

/** A saga that is open, and the position of its OrderCreated: newer ones have higher ones. */
export type OpenSaga = { readonly sagaId: OrderId; readonly position: number };

/** All open sagas, the oldest first, whichever version of the projection has folded them. */
export const openSagas = (query: Query): readonly OpenSaga[] =>
  query<OpenSaga>('select sagaId, position from sagas where endedAt is null order by position');
