import { DatabaseSync } from 'node:sqlite';
import { expect, it } from '@jest/globals';
import type { PaymentToken } from '@recourse/contracts/ids';
import { systemClock } from '@recourse/infra/system';
import { openFileRoom } from '../../test/books-kit.ts';
import { authorizationSuite } from '../../test/contract/simulated/authorizations.ts';
import type { GatewayRoom } from '../../test/contract/simulated/gateway.ts';
import { nthCommand, orderId } from '../../test/participant-kit.ts';
import { openSimulatedGateway } from './simulated-gateway.ts';

const openRoom = () =>
  openFileRoom((path, options: Parameters<GatewayRoom['open']>[0]) =>
    openSimulatedGateway({ path, ...options }),
  );

authorizationSuite('in a file', openRoom);

it('the simulated gateway opens books that an older Recourse kept, and adds to them', async () => {
  const books = openRoom();
  const older = new DatabaseSync(books.path);
  older.exec(`CREATE TABLE charges (key TEXT NOT NULL UNIQUE, orderId TEXT NOT NULL, chargeId TEXT,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, accepted INTEGER NOT NULL, reason TEXT, at INTEGER NOT NULL,
    paymentToken TEXT NOT NULL, calls INTEGER NOT NULL DEFAULT 1) STRICT;
    INSERT INTO charges VALUES ('k', 'o', 'ch_k', 1, 'GBP', 1, NULL, 0, 'tok_accepted', 1);`);
  older.close();
  const gateway = books.open({ clock: systemClock });
  const { signal } = new AbortController();
  const money = { amount: 500, currency: 'GBP', signal };
  const paymentToken = 'tok_accepted' as PaymentToken;
  const answer = await gateway.authorize({ key: nthCommand(1), orderId, paymentToken, ...money });
  if (!answer.accepted) throw new Error('declined');
  await gateway.capture({ key: nthCommand(2), authorizationId: answer.authorizationId, ...money });
  const counts = ['charges', 'authorizations', 'captures'].map(
    async (table) => (await books.rows(table)).length,
  );
  expect(await Promise.all(counts)).toEqual([1, 1, 1]);
  await books.dispose();
});
