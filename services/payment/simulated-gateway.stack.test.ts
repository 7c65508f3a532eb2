import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CommandId, OrderId, PaymentToken } from '@recourse/contracts/ids';
import { UnavailableError } from '@recourse/infra/errors';
import { uuidV5 } from '@recourse/infra/event-id';
import type { Postgres } from '@recourse/infra/postgres/connect';
import { systemClock } from '@recourse/infra/system';
import { openPostgresRoom } from '../../test/books-kit.ts';
import { authorizationSuite } from '../../test/contract/simulated/authorizations.ts';
import { type GatewayRoom, gatewaySuite } from '../../test/contract/simulated/gateway.ts';
import { orderId } from '../../test/participant-kit.ts';
import { describeOnStack, type FreshDatabase, freshDatabase } from '../../test/stack/kit.ts';
import { openPostgresGateway } from './simulated-gateway.ts';

const { signal } = new AbortController();
const money = { amount: 500, currency: 'GBP' };
const keyOf = (name: string) => uuidV5(orderId, name) as CommandId;

describeOnStack('on PostgreSQL', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.drop());

  const openRoom = (postgres: Pick<Postgres, 'query'> = database.postgres): GatewayRoom =>
    openPostgresRoom(database.postgres, (options) =>
      openPostgresGateway({ postgres: { ...database.postgres, ...postgres }, ...options }),
    );
  const charge = (gateway: ReturnType<GatewayRoom['open']>, name: string, token = 'tok_accepted') => {
    const asked = { key: keyOf(name), orderId: orderId as OrderId, ...money };
    return gateway.charge({ ...asked, paymentToken: token as PaymentToken, signal });
  };

  gatewaySuite('in PostgreSQL', () => openRoom());
  authorizationSuite('in PostgreSQL', () => openRoom());

  describe('the simulated gateway, shared by several processes', () => {
    it('puts what is asked in one turn, or while it is busy, into one statement each', async () => {
      const statements: string[] = [];
      const books = openRoom({
        query: (text, values) => {
          statements.push(text.split(' ', 3).join(' '));
          return database.postgres.query(text, values);
        },
      });
      const gateway = books.open({ clock: systemClock });
      const names = Array.from({ length: 100 }, (_, n) => `joined ${n}`);
      const first = Promise.all(names.slice(0, 50).map((name) => charge(gateway, name)));
      await new Promise(setImmediate);
      await Promise.all([first, ...names.slice(50).map((name) => charge(gateway, name))]);
      expect(statements).toEqual(Array(2).fill('insert into simulated_charges'));
      expect(await books.rows('charges')).toHaveLength(100);
      await books.dispose();
    });

    it('either captures or voids an authorisation, whoever asks for what at the same time', async () => {
      const books = openRoom();
      const [one, other] = [books.open({ clock: systemClock }), books.open({ clock: systemClock })];
      const paymentToken = 'tok_accepted' as PaymentToken;
      const outcomes = await Promise.all(
        Array.from({ length: 60 }, async (_, n) => {
          const asked = { key: keyOf(`authorize ${n}`), orderId, ...money, paymentToken, signal };
          const answer = await one.authorize(asked);
          if (!answer.accepted) throw new Error('declined');
          const { authorizationId } = answer;
          const both = await Promise.allSettled([
            one.capture({ key: keyOf(`capture ${n}`), authorizationId, ...money, signal }),
            other.void({ key: keyOf(`void ${n}`), authorizationId, signal }),
          ]);
          return both.filter(({ status }) => status === 'fulfilled').length;
        }),
      );
      expect(outcomes).toEqual(Array(60).fill(1));
      const ended = [...(await books.rows('captures')), ...(await books.rows('voids'))];
      expect(new Set(ended.map(({ number }) => number)).size).toBe(60);
      expect(ended).toHaveLength(60);
      await books.dispose();
    });

    it('fails the call alone that the database refuses', async () => {
      const books = openRoom();
      const gateway = books.open({ clock: systemClock });
      const outcomes = await Promise.allSettled([
        charge(gateway, 'before'),
        charge(gateway, 'refused', 'tok_accepted:\0'),
        charge(gateway, 'after'),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(await books.rows('charges')).toHaveLength(2);
      await books.dispose();
    });

    it('does not know the outcome where the books cannot be reached, and goes on when they can', async () => {
      let away = true;
      const books = openRoom({
        query: async (text, values) => {
          if (away) throw new UnavailableError('no network');
          return database.postgres.query(text, values);
        },
      });
      const gateway = books.open({ clock: systemClock });
      const outcomes = await Promise.allSettled([charge(gateway, 'one'), charge(gateway, 'two')]);
      expect(outcomes).toMatchObject(Array(2).fill({ reason: { code: 'unavailable' } }));
      away = false;
      expect(await charge(gateway, 'one')).toMatchObject({ accepted: true });
      await books.dispose();
    });

    it('writes what it has taken before it closes, and takes nothing more', async () => {
      const books = openRoom();
      const gateway = books.open({ clock: systemClock });
      const charged = charge(gateway, 'last');
      await gateway.close();
      expect(await books.rows('charges')).toHaveLength(1);
      expect(await charged).toMatchObject({ accepted: true });
      await expect(charge(gateway, 'too late')).rejects.toThrow('closed');
      await books.dispose();
    });
  });
});
