import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeOnStack, type FreshDatabase, freshDatabase, silent } from '../../test/stack/kit.ts';
import { watchStandstill } from '../../test/stack/standstill.ts';
import { UnavailableError } from '../errors.ts';
import type { Lease } from '../ports/leases.ts';
import { systemClock } from '../system.ts';
import type { Postgres } from './connect.ts';
import { fencedBy, LeaseLostError, openLeases } from './leases.ts';

/** One who competes, as a process of its own would. */
type Competitor = {
  readonly leases: Map<string, Lease>;
  readonly begun: Lease[];
  held(): readonly string[];
  close(): Promise<void>;
  /** The server cannot be reached any more: as for one that died. */
  cut(): void;
};

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const until = async (satisfied: () => boolean, withinMs = 40_000): Promise<number> => {
  const start = performance.now();
  while (!satisfied()) {
    if (performance.now() - start > withinMs) throw new Error(`not within ${withinMs} ms`);
    await wait(20);
  }
  return performance.now() - start;
};

describeOnStack('leases in PostgreSQL', () => {
  let database: FreshDatabase;
  const open: Competitor[] = [];
  let kinds = 0;
  const freshKind = () => `work-${++kinds}`;

  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(async () => {
    await Promise.all(open.map((it) => it.close()));
    await database.drop();
  });

  const pieces = ['0', '1', '2', '3', '4', '5', '6', '7'];

  const competitor = (
    kind: string,
    { of = pieces, onBegin = (_: Lease) => {}, onClose = async () => {}, able = () => of.length } = {},
  ): Competitor => {
    let reached = true;
    const { postgres } = database;
    const cuttable: Postgres = {
      ...postgres,
      query: async (text, values) => {
        if (!reached) throw new UnavailableError('cut off');
        return postgres.query(text, values);
      },
    };
    const held = new Map<string, Lease>();
    const begun: Lease[] = [];
    const competition = openLeases({ postgres: cuttable, clock: systemClock, logger: silent }).compete(
      kind,
      of,
      (lease) => {
        onBegin(lease);
        begun.push(lease);
        held.set(lease.piece, lease);
        return {
          close: async () => {
            await onClose();
            held.delete(lease.piece);
          },
        };
      },
      able,
    );
    const it: Competitor = {
      leases: held,
      begun,
      held: competition.held,
      close: competition.close,
      cut: () => {
        reached = false;
      },
    };
    open.push(it);
    return it;
  };

  it('gives everything to one alone, half to each of two, and all back to who stays, at once', async () => {
    const kind = freshKind();
    const one = competitor(kind);
    await until(() => one.held().length === 8);
    let most = 8;
    const two = competitor(kind, {
      onBegin: (lease) => {
        // Whoever had it has ended it before.
        expect(one.leases.has(lease.piece)).toBe(false);
        most = Math.max(most, one.leases.size + two.leases.size + 1);
      },
    });
    await until(() => two.held().length === 4);
    expect([...one.held(), ...two.held()].toSorted()).toEqual(pieces);
    expect(most).toBe(8);
    await wait(200);
    expect(two.held()).toHaveLength(4);
    await two.close();
    expect(await until(() => one.held().length === 8)).toBeLessThan(5_000);
  });

  it('leaves nobody without a piece where there are enough of them', async () => {
    const kind = freshKind();
    const all = ['a', 'b', 'c', 'd'];
    const three = [competitor(kind, { of: all })];
    await until(() => three[0]!.held().length === 4);
    three.push(competitor(kind, { of: all }), competitor(kind, { of: all }));
    const held = () => three.flatMap((it) => it.held()).toSorted();
    await until(() => three.every((it) => it.held().length > 0) && held().length === all.length);
    expect(held()).toEqual(all);
  });

  it('tells one that is cut off before another takes over, which is within 10 s', async () => {
    const kind = freshKind();
    const one = competitor(kind, { of: ['a'] });
    await until(() => one.held().length === 1);
    const first = one.begun[0]!;
    let toldBefore = false;
    const two = competitor(kind, {
      of: ['a'],
      onBegin: () => {
        toldBefore = first.lost.aborted;
      },
    });
    await wait(300);
    expect(two.held()).toEqual([]);
    one.cut();
    const stoodStillMs = watchStandstill();
    const tookMs = await until(() => two.held().length === 1);
    expect(tookMs).toBeLessThan(10_000 + stoodStillMs());
    expect(toldBefore).toBe(true);
    expect(one.held()).toEqual([]);
    expect(two.begun[0]!.epoch).toBeGreaterThan(first.epoch);
  });

  it('lets nothing be written under a lease that another has had since', async () => {
    const kind = freshKind();
    const one = competitor(kind, { of: ['a'] });
    await until(() => one.held().length === 1);
    const { postgres } = database;
    // As one sees it that was paused: it has not noticed anything.
    const old: Lease = { ...one.begun[0]!, lost: new AbortController().signal };
    await postgres.query('create table written (by_epoch bigint)');
    const write = (lease: Lease) =>
      postgres.transaction(async (query) => {
        await fencedBy(query, lease);
        await query('insert into written values ($1)', [lease.epoch]);
      });
    await write(old);
    await one.close();
    await expect(write(old)).rejects.toThrow(LeaseLostError);
    const two = competitor(kind, { of: ['a'] });
    await until(() => two.held().length === 1);
    await expect(write(old)).rejects.toThrow(LeaseLostError);
    await expect(write(one.begun[0]!)).rejects.toThrow(`no longer ours: ${kind}/a`);
    await write(two.begun[0]!);
    expect(await postgres.query('select by_epoch from written')).toEqual([
      { by_epoch: old.epoch },
      { by_epoch: two.begun[0]!.epoch },
    ]);
  });

  it('keeps a lease from others while a transaction is written under it', async () => {
    const kind = freshKind();
    const one = competitor(kind, { of: ['a'] });
    await until(() => one.held().length === 1);
    const { postgres } = database;
    await postgres.transaction(async (query) => {
      await fencedBy(query, one.begun[0]!);
      one.cut();
      await postgres.query(`update lease_competitor set until = now() where kind = $1`, [kind]);
      const taken = await postgres.query(`select name from lease where kind = $1 for update skip locked`, [
        kind,
      ]);
      expect(taken).toEqual([]);
    });
  });

  it('gives up what cannot begin, and tries again', async () => {
    const kind = freshKind();
    let tries = 0;
    const one = competitor(kind, {
      of: ['a'],
      onBegin: () => {
        tries += 1;
        if (tries === 1) throw new Error('not yet');
      },
    });
    await until(() => one.leases.size === 1);
    expect(tries).toBe(2);
  });

  it('leaves everything to those that can begin, whoever cannot, until it can', async () => {
    const kind = freshKind();
    let refusing = true;
    let tries = 0;
    const one = competitor(kind, {
      onBegin: () => {
        tries += 1;
        if (refusing) throw new Error('cannot reach what it takes');
      },
    });
    await until(() => tries >= pieces.length);
    const two = competitor(kind);
    await until(() => two.leases.size === pieces.length);
    const [before, begun] = [tries, two.begun.length];
    await wait(4_000);
    // It tries again, with one at a time and ever less often; the other takes that one up again at once.
    expect(tries - before).toBeLessThanOrEqual(2);
    expect(two.begun.length - begun).toBeLessThanOrEqual(2);
    refusing = false;
    await until(() => one.leases.size === 4 && two.leases.size === 4, 40_000);
  });

  it('finds a piece that it can begin with, whichever it is given first', async () => {
    const kind = freshKind();
    const two = competitor(kind, { of: ['a', 'b', 'c'] });
    await until(() => two.leases.size === 3);
    const one = competitor(kind, {
      of: ['a', 'b', 'c'],
      onBegin: ({ piece }) => {
        if (piece === 'a') throw new Error('cannot make sense of it');
      },
    });
    // Each try that meets the wrong one makes it wait twice as long. Of three, one or two are a fair share.
    await until(() => one.leases.size > 0 && one.leases.size + two.leases.size === 3, 60_000);
    expect(one.leases.has('a')).toBe(false);
    expect(two.leases.size).toBeGreaterThan(0);
  });

  it('leaves no piece to nobody where one of two cannot begin with some, and the other has its share', async () => {
    const kind = freshKind();
    const two = competitor(kind);
    await until(() => two.leases.size === 8);
    // Somebody who competes no more has these two for a while.
    const names = [`${kind}/0`, `${kind}/1`];
    const taking = `update lease set owner = 'another', until = now() + interval '5 s' where name = any($1)`;
    await database.postgres.query(taking, [names]);
    await until(() => two.leases.size === 6);
    const one = competitor(kind, {
      onBegin: ({ piece }) => {
        if (Number(piece) < 2) throw new Error('cannot make sense of it');
      },
    });
    await until(() => one.leases.size === 4 && two.leases.size === 4, 60_000);
    expect([...one.leases.keys(), ...two.leases.keys()].toSorted()).toEqual(pieces);
    expect(one.leases.has('0') || one.leases.has('1')).toBe(false);
  });

  it('gives all at once to those that could do it, a little back to one that tries, and keeps it where nobody could', async () => {
    const kind = freshKind();
    let [could, others] = [8, 8];
    const one = competitor(kind, { able: () => could });
    await until(() => one.leases.size === 8);
    const two = competitor(kind, { able: () => others });
    await until(() => one.leases.size === 4 && two.leases.size === 4);
    could = 0;
    await until(() => two.leases.size === 8);
    could = 1;
    await until(() => one.leases.size === 1 && two.leases.size === 7);
    others = 0;
    could = 0;
    await wait(4_000);
    expect(one.leases.size + two.leases.size).toBe(8);
    could = 8;
    await until(() => one.leases.size === 8);
  });

  it('does not wait for ever for the end of what is given up: it is told that it is over', async () => {
    const kind = freshKind();
    const release = Promise.withResolvers<void>();
    const one = competitor(kind, { of: ['a'], onClose: () => release.promise });
    await until(() => one.held().length === 1);
    const closed = one.close();
    await until(() => one.begun[0]!.lost.aborted);
    release.resolve();
    await closed;
  });
});
