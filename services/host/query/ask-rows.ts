import { Problem } from '@recourse/contracts/http';
import { ProjectionStatus } from '@recourse/contracts/http-projections';
import { ProjectionRows, RowsProgress, rowsMax } from '@recourse/contracts/http-rows';
import { type Clock, sleep } from '@recourse/infra/ports/clock';
import { createParser } from 'eventsource-parser';
import { type Client, RefusedError, UnreachableError } from '../client.ts';

/** Which rows of a read model, as a person has written it; the server checks it. */
export type RowsWish = {
  readonly projection: string;
  readonly asOf?: string | undefined;
  readonly table?: string | undefined;
  readonly where: readonly (readonly [column: string, value: string])[];
  readonly cursor?: string | undefined;
  readonly limit: number;
};

/** How far it is: a fold of the past, or a read model that is behind. */
export type OnProgress = (position: number, of: number) => void;

/**
 * So many rows, page by page, all as of one position where the past is asked for. Rejects with `RefusedError` and
 * `UnreachableError`.
 */
export const askRows = async (
  client: Client,
  wish: RowsWish,
  onProgress: OnProgress,
): Promise<ProjectionRows> => {
  const first = await askFirst(client, pathOf(wish, wish.limit, wish.cursor), onProgress);
  const rows = [...first.rows];
  let { nextCursor } = first;
  while (nextCursor !== null && rows.length < wish.limit) {
    const { body } = await client.ask('GET', pathOf(wish, wish.limit - rows.length, nextCursor));
    const page = ProjectionRows.parse(body);
    rows.push(...page.rows);
    nextCursor = page.nextCursor;
  }
  return { ...first, rows, nextCursor };
};

/** Waits until a read model shows all of a log that stands still; not for one that there is not, or that has stopped. */
export const waitForRows = async (
  client: Client,
  projection: string,
  clock: Clock,
  onProgress: OnProgress,
): Promise<void> => {
  for (;;) {
    const { body } = await client.send('GET', `/projections/${encodeURIComponent(projection)}`);
    const status = ProjectionStatus.safeParse(body).data;
    if (status === undefined || status.behind === 0 || status.state === 'stopped') return;
    const position = Number(status.position);
    onProgress(position, position + status.behind);
    await sleep(clock, lookAgainMs);
  }
};

const lookAgainMs = 100;

const pathOf = ({ projection, asOf, table, where }: RowsWish, limit: number, cursor?: string): string => {
  const query = new URLSearchParams(where.map((pair) => [...pair]));
  const given = { asOf, table, cursor, limit: String(Math.min(limit, rowsMax)) };
  for (const [name, value] of Object.entries(given)) if (value !== undefined) query.set(name, value);
  return `/projections/${encodeURIComponent(projection)}/rows?${query}`;
};

/** The first page, heard as events: the past may take a while to fold. */
const askFirst = async (client: Client, path: string, onProgress: OnProgress): Promise<ProjectionRows> => {
  const chunks = await client.stream(path, {});
  let rows: ProjectionRows | undefined;
  const parser = createParser({
    onEvent: ({ event, data }) => {
      const body: unknown = JSON.parse(data);
      if (event === 'problem') throw new RefusedError(Problem.parse(body));
      if (event === 'rows') rows = ProjectionRows.parse(body);
      if (event !== 'progress') return;
      const { position, of } = RowsProgress.parse(body);
      onProgress(Number(position), Number(of));
    },
  });
  const decoder = new TextDecoder();
  try {
    for await (const chunk of chunks ?? []) parser.feed(decoder.decode(chunk, { stream: true }));
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('UND_ERR') !== true) throw error;
  }
  if (rows === undefined) throw new UnreachableError(client.url, 'it hung up');
  return rows;
};
