/**
 * One page of a list whose cursor is the id of its last item: `list` is asked for one more than wanted, which tells
 * whether there is a next page.
 */
export const idPage = async <T extends { readonly id: string }>(
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
  list: (options: { readonly max: number; readonly after?: string }) => Promise<readonly T[]>,
): Promise<{ readonly page: readonly T[]; readonly nextCursor: string | null }> => {
  const items = await list({ max: limit + 1, ...(cursor !== undefined && { after: cursor }) });
  const page = items.slice(0, limit);
  return { page, nextCursor: items.length > limit ? (page.at(-1)?.id ?? null) : null };
};
