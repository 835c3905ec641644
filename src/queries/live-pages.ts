/** Prefect's pages hold at most 200 rows; an administrator may have set another number. */
const PAGE = 200;
/** Beyond this many rows a list is not read whole. */
const MAX_ROWS = 5_000;

/** Every row of a `/filter` route, page after page. `read` gets the page's `limit` and `offset`. */
export async function readAll<T extends { readonly id: string }>(
  read: (page: { limit: number; offset: number }) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const rows = new Map<string, T>();
  for (let offset = 0; offset < MAX_ROWS; offset += PAGE) {
    const page = await read({ limit: PAGE, offset });
    for (const row of page) rows.set(row.id, row);
    if (page.length < PAGE) break;
  }
  return [...rows.values()];
}
