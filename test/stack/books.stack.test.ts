import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { gatewayBooksSchema, gatewayTables } from '@recourse/payment/gateway-books';
import { carrierBooksSchema, carrierTables } from '@recourse/shipping/carrier-books';
import { describeOnStack, type FreshDatabase, freshDatabase } from './kit.ts';

/** Columns that come by themselves, in files and in PostgreSQL. */
const byThemselves = ['calls', 'number', 'ended'];

describeOnStack('the books of the simulators', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.drop());

  it.each([
    ['the provider', gatewayBooksSchema, gatewayTables],
    ['the carrier', carrierBooksSchema, carrierTables],
  ] as const)('of %s have the same columns in a file and in PostgreSQL', async (_, schema, tables) => {
    const file = new DatabaseSync(':memory:');
    file.exec(schema);
    for (const [table, { columns }] of Object.entries(tables)) {
      const inFile = file.prepare('select name from pragma_table_info(?)').all(table);
      const inPostgres = await database.postgres.query<{ readonly name: string }>(
        'select column_name as name from information_schema.columns where table_name = $1',
        [`simulated_${table}`],
      );
      const given = Object.keys(columns).sort();
      const names = (rows: readonly { readonly name?: unknown }[]) =>
        rows
          .map(({ name }) => String(name))
          .filter((name) => name in columns || !byThemselves.includes(name))
          .sort();
      expect([table, names(inFile)]).toEqual([table, given]);
      expect([table, names(inPostgres)]).toEqual([table, given]);
    }
    file.close();
  });
});
