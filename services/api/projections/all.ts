import type { Projection } from '@recourse/infra/project/projection';
import { ledgerProjection } from './ledger.ts';
import { ordersProjection } from './orders.ts';
import { sagasProjection } from './sagas.ts';

/** Every read model: a new one is a file of its own and a line here. */
export const projections: readonly Projection[] = [ordersProjection, sagasProjection, ledgerProjection];
