import type { Statement } from '../../project/select.ts';
import { quoted } from './tables.ts';

/** Strings and quoted names, values, tables behind `from` and `join`, and names. */
const tokens =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|(?<value>\?)|\b(?<before>from|join)\s+(?<table>[a-z_]\w*)|(?<name>[A-Za-z_]\w*)/g;

/**
 * Writes a statement for PostgreSQL: `?` becomes `$1` and so on, `from orders` the table of the build that is read, and
 * what is written with capitals keeps them. Keywords are written small, and a table has no other name.
 */
export const postgresSql = (sql: Statement['sql'], tables: Readonly<Record<string, string>>): string => {
  let values = 0;
  return sql.replaceAll(tokens, (found, ...rest) => {
    const { value, before, table, name } = rest.at(-1) as Readonly<Record<string, string | undefined>>;
    if (value !== undefined) {
      values += 1;
      return `$${values}`;
    }
    if (table !== undefined) return `${before} ${Object.hasOwn(tables, table) ? tables[table] : kept(table)}`;
    return name === undefined ? found : kept(name);
  });
};

const kept = (name: string) => (/[A-Z]/.test(name) ? quoted(name) : name);
