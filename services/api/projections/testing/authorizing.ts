import type { EventData } from '@recourse/contracts/events';
import type { History, HistoryOrder } from './history.ts';

type Changes<T extends keyof EventData> = Partial<EventData[T]>;

/** Writes the payment of an order that is authorised first, step by step, into the log and the provider's books. */
export const authorizing = ({ gateway }: History, order: HistoryOrder) => {
  const { orderId, total: amount, currency, id, write } = order;
  const authorizationId = `au_${orderId}`;
  const enter = (sql: string, ...values: (string | number | null)[]) => gateway.prepare(sql).run(...values);
  const numberOf = () =>
    gateway.prepare('select number from authorizations where authorizationId = ?').get(authorizationId)
      ?.number as number | undefined;

  const it = {
    started: () => {
      const paymentToken = 'tok_accepted' as EventData['AuthorizationStarted']['paymentToken'];
      const commandId = id('AuthorizePayment');
      write('payment', 'AuthorizationStarted', { commandId, amount, currency, paymentToken });
      return it;
    },
    entered: (accepted: 0 | 1 = 1, entered = amount) => {
      enter(
        `insert into authorizations
           (key, orderId, authorizationId, amount, currency, accepted, reason, at, paymentToken)
         values (?, ?, ?, ?, ?, ?, null, 0, 'tok')`,
        id('AuthorizePayment'),
        orderId,
        accepted === 1 ? authorizationId : null,
        entered,
        currency,
        accepted,
      );
      return it;
    },
    authorized: (data: Changes<'PaymentAuthorized'> = {}) => {
      const commandId = id('AuthorizePayment');
      write('payment', 'PaymentAuthorized', { commandId, authorizationId, amount, currency, ...data });
      return it;
    },
    declined: (data: Changes<'AuthorizationFailed'> = {}) => {
      write('payment', 'AuthorizationFailed', {
        commandId: id('AuthorizePayment'),
        reason: 'declined',
        ...data,
      });
      return it;
    },
    captureStarted: () => {
      const commandId = id('CapturePayment');
      write('payment', 'CaptureStarted', { commandId, authorizationId, amount, currency });
      return it;
    },
    captureEntered: (entered = amount) => {
      enter(
        'insert into captures (number, key, authorizationId, captureId, amount, currency, at) values (?, ?, ?, ?, ?, ?, 0)',
        numberOf() ?? null,
        id('CapturePayment'),
        authorizationId,
        `ca_${orderId}`,
        entered,
        currency,
      );
      return it;
    },
    captured: (data: Changes<'PaymentCaptured'> = {}) => {
      const captureId = `ca_${orderId}`;
      const commandId = id('CapturePayment');
      write('payment', 'PaymentCaptured', { commandId, captureId, amount, currency, ...data });
      return it;
    },
    voidStarted: () => {
      write('payment', 'VoidStarted', { commandId: id('VoidPayment'), authorizationId });
      return it;
    },
    voidEntered: () => {
      enter(
        'insert into voids (number, key, authorizationId, voidId, at) values (?, ?, ?, ?, 0)',
        numberOf() ?? null,
        id('VoidPayment'),
        authorizationId,
        `vo_${orderId}`,
      );
      return it;
    },
    voided: (data: Changes<'PaymentVoided'> = {}) => {
      write('payment', 'PaymentVoided', { commandId: id('VoidPayment'), nothing: false, ...data });
      return it;
    },
    /** Whole steps, in log and books. */
    allAuthorized: () => it.started().entered().authorized(),
    allCaptured: () => it.captureStarted().captureEntered().captured(),
    allVoided: () => it.voidStarted().voidEntered().voided(),
  };
  return it;
};
