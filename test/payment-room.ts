import { join } from 'node:path';
import type { CommandMessage } from '@recourse/infra/ports/broker';
import type { EventLog } from '@recourse/infra/ports/event-log';
import { systemClock } from '@recourse/infra/system';
import type { PaymentGateway } from '@recourse/payment/gateway';
import { paymentService } from '@recourse/payment/service';
import { openSimulatedGateway } from '@recourse/payment/simulated-gateway';
import { crashing, keepingLogger, openRoom, rowsOf } from './participant-kit.ts';

/** A room with the simulated provider, for tests of the payment participant. */
export type PaymentRoom = ReturnType<typeof openPaymentRoom>;

/** Opens a room (`openRoom`) and the provider's books in it; `dispose` closes and removes all. */
export const openPaymentRoom = () => {
  const room = openRoom();
  const path = join(room.folder, 'gateway.db');
  const gateway = openSimulatedGateway({ path, clock: systemClock });
  const { logger, lines: warnings } = keepingLogger();

  /** A participant that remembers nothing. */
  const service = (
    overrides: { log?: EventLog; gateway?: PaymentGateway; clock?: typeof systemClock } = {},
  ) => paymentService({ log: room.log, gateway, clock: systemClock, logger, ...overrides });

  return {
    log: room.log,
    gateway,
    warnings,
    service,
    /** Each message to a participant of its own. */
    heard: async (...messages: readonly CommandMessage[]) => {
      for (const message of messages) await service().group.handle(message);
    },
    /** See `crashing` of the kit. */
    crashing: (messages: readonly CommandMessage[], n: number, when: 'before' | 'after') =>
      crashing({ log: room.log, participant: (log) => service({ log }) }, messages, n, when),
    events: () => room.events('payment'),
    types: () => room.types('payment'),
    books: (table: 'charges' | 'refunds' | 'authorizations' | 'captures' | 'voids') => rowsOf(path, table),
    dispose: async () => {
      gateway.close();
      await room.dispose();
    },
  };
};
