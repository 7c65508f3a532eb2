import { describe, expect, it } from '@jest/globals';
import { table } from '../../project/projection.ts';
import { postgresSql } from './dialect.ts';
import { columnSql, tableName, tableSql } from './tables.ts';

describe('a statement for PostgreSQL', () => {
  const tables = { orders: '"orders_v2_b0_orders"' };

  it.each([
    ['select 1', 'select 1'],
    [
      'select state, orders from orders where orderId = ? and total > ?',
      'select state, orders from "orders_v2_b0_orders" where "orderId" = $1 and total > $2',
    ],
    [
      `select position as "#0" from orders where because = 'what? from orders' limit ?`,
      `select position as "#0" from "orders_v2_b0_orders" where because = 'what? from orders' limit $1`,
    ],
    ['select value from json_items(?)', 'select value from json_items($1)'],
    ["select 'it''s endedAt', endedAt from others", `select 'it''s endedAt', "endedAt" from others`],
  ])('%s', (sql, expected) => {
    expect(postgresSql(sql, tables)).toBe(expected);
  });
});

describe('a table in PostgreSQL', () => {
  it('has the columns, the key and the indexes of its declaration', () => {
    const orders = table({
      columns: {
        position: 'integer primary key',
        orderId: 'text not null',
        flags: 'json not null',
        endedAt: 'time integer',
      },
      key: ['orderId'],
      hot: ['endedAt', null],
      indexes: ['(endedAt) where endedAt is null'],
    });
    const it = { name: 'late-orders', version: 3, tables: { orders }, fold: {} };
    const name = '"late_orders_v3_b1_orders"';
    expect(tableName('late-orders', { version: 3, build: 1 }, 'orders')).toBe(name);
    expect(tableSql(it, { version: 3, build: 1 })).toEqual([
      `create table ${name} ("position" bigint primary key, "orderId" text collate "C" not null, ` +
        `"flags" text collate "C" not null, "endedAt" bigint, unique ("orderId")) with (fillfactor = 70)`,
      `create index on ${name} ("endedAt", "position") where "endedAt" is null`,
    ]);
  });

  it.each(['blob', '', 'integerish', 'time', 'real not null'])(
    'has no column declared as “%s”',
    (declaration) => {
      expect(() => columnSql(declaration)).toThrow('has no type in PostgreSQL');
    },
  );
});
