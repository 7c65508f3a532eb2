import type { Projection } from '@recourse/infra/project/projection';
import { compensationsProjection } from './compensations.ts';
import { ledgerProjection } from './ledger.ts';
import { ordersProjection } from './orders.ts';
import { paymentsProjection } from './payments.ts';
import { revenueProjection } from './revenue.ts';
import { sagasProjection } from './sagas.ts';
import { stockProjection } from './stock.ts';

/** Every read model: a new one is a file of its own and a line here. */
export const projections: readonly Projection[] = [
  ordersProjection,
  sagasProjection,
  ledgerProjection,
  stockProjection,
  paymentsProjection,
  revenueProjection,
  compensationsProjection,
];
