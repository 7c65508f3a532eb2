import { projection } from '@recourse/infra/project/projection';
import { accountOf, decline, emptyAccount, intend, type Placed, settle } from './ledger-acts.ts';
import { orderShipped, stockMoved, stockReceived } from './ledger-goods.ts';
import {
  moneyCaptured,
  paymentAuthorized,
  paymentCaptured,
  paymentRefunded,
  paymentVoided,
} from './ledger-money.ts';
import { type LedgerRows, ledgerTables, type OrderAccount, orderStates } from './ledger-tables.ts';

/** The ledger's accounts: what each order, each act outside and each SKU has moved, as the log says. */

const end = (rows: LedgerRows, { position, correlation }: Placed, state: OrderAccount['state']) =>
  rows.accounts.put({ ...accountOf(rows, correlation, position), state });

/** See `OrderAccount`, `Act` and `SkuAccount`. */
export const ledgerProjection = projection({
  name: 'ledger',
  version: 2,
  tables: ledgerTables,
  fold: {
    OrderCreated: (rows, { position, correlation, data: { currency, total, lines } }) => {
      let pieces = 0;
      for (const { quantity } of lines) pieces += quantity;
      const state = orderStates.open;
      rows.accounts.put({ ...emptyAccount, position, orderId: correlation, state, currency, total, pieces });
    },
    OrderCompleted: (rows, record) => end(rows, record, orderStates.completed),
    OrderCancelled: (rows, record) => end(rows, record, orderStates.cancelled),

    PaymentStarted: (rows, record) => intend(rows, 'charges', record, record.data),
    PaymentProcessed: (rows, record) => moneyCaptured(rows, 'charges', record),
    PaymentFailed: (rows, record) => decline(rows, 'charges', record, record.data),
    RefundStarted: (rows, record) => intend(rows, 'refunds', record, record.data),
    PaymentRefunded: paymentRefunded,

    AuthorizationStarted: (rows, record) => intend(rows, 'authorizations', record, record.data),
    PaymentAuthorized: paymentAuthorized,
    AuthorizationFailed: (rows, record) => decline(rows, 'authorizations', record, record.data),
    CaptureStarted: (rows, record) => intend(rows, 'captures', record, record.data),
    PaymentCaptured: paymentCaptured,
    VoidStarted: (rows, record) => intend(rows, 'voids', record, { commandId: record.data.commandId }),
    PaymentVoided: paymentVoided,

    StockReceived: stockReceived,
    StockTaken: (rows, record) => stockMoved(rows, record, record.data.quantity),
    StockReturned: (rows, record) => stockMoved(rows, record, -record.data.quantity),

    ShipmentStarted: (rows, record) =>
      intend(rows, 'shipments', record, { commandId: record.data.commandId }),
    OrderShipped: orderShipped,
    ShippingFailed: (rows, record) => decline(rows, 'shipments', record, record.data),
    ShipmentCancellationStarted: (rows, record) => intend(rows, 'cancellations', record, record.data),
    ShipmentCancelled: (rows, { position, correlation, data }) => {
      const account = accountOf(rows, correlation, position);
      settle(rows, 'cancellations', account, position, data, data.nothing ? 'nothing' : 'accepted');
      if (data.late !== true) rows.accounts.put({ ...account, shipmentCancelled: 1 });
    },
    ShipmentCancellationRefused: (rows, record) => decline(rows, 'cancellations', record, record.data),
  },
});
