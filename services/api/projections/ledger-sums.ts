/** Sums of amounts that may pass 2^53: SQLite adds them in two halves, neither of which can. */

const low = 2 ** 26;

/** The SQL of a sum under a name: two columns. */
export const sumSql = (name: string, expression: string): string =>
  `sum((${expression}) >> 26) as ${name}High, sum((${expression}) & ${low - 1}) as ${name}Low`;

/** Reads such a sum from its row. */
export const sumIn = (row: Readonly<Record<string, unknown>>, name: string): bigint =>
  BigInt((row[`${name}High`] as number) ?? 0) * BigInt(low) + BigInt((row[`${name}Low`] as number) ?? 0);
