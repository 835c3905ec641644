/** Prefect's pages hold at most 200 rows; an administrator may have set another number. */
const PAGE = 200;
/** Beyond this many rows a list is not read whole. */
const MAX_ROWS = 5_000;

/**
 * Every row of a `/filter` route, page after page. Each page begins with the last row of the one before: where it does not, rows
 * came or went in between. `whole`: this is the list as it was at one moment, so that what is missing in it is gone.
 */
export async function readAll<T extends { readonly id: string }>(
  read: (page: { limit: number; offset: number }) => Promise<readonly T[]>,
): Promise<{ readonly rows: readonly T[]; readonly whole: boolean }> {
  const rows = new Map<string, T>();
  let last: T | undefined;
  let isStill = true;
  for (let offset = 0; offset < MAX_ROWS; offset += PAGE - 1) {
    const page = await read({ limit: PAGE, offset });
    if (last && page[0]?.id !== last.id) isStill = false;
    for (const row of page) rows.set(row.id, row);
    if (page.length < PAGE) return { rows: [...rows.values()], whole: isStill };
    last = page.at(-1);
  }
  return { rows: [...rows.values()], whole: false };
}
