import { AppError } from "../../errors.ts";
import { append } from "../../lib/lists.ts";
import type { JsonObject } from "../../model/objects.ts";
import type { CallOptions } from "./call-options.ts";
import type { Http } from "./http.ts";
import { ROWS_PER_PAGE } from "./page-sizes.ts";

/** Body of the `/filter` routes: combined filters, `sort`, `limit` ≤ 200, `offset`. */
export type FilterBody = JsonObject;

/**
 * POSTs a `/filter` body. Callers ask for up to `ROWS_PER_PAGE` rows. A server with a lower cap refuses that with 422 and names its
 * cap; the rows are then read in pages of that size, so that fewer rows than asked for always mean the end of the list.
 */
export type PostFilter = (path: string, body: FilterBody, options?: CallOptions) => Promise<unknown>;

const CAP = /Invalid limit: must be less than or equal to (\d+)/;

export function createPostFilter(http: Http): PostFilter {
  /** The server's cap, known after it refused a limit. */
  let cap = Number.POSITIVE_INFINITY;

  async function inPages(path: string, body: FilterBody, limit: number, options?: CallOptions): Promise<unknown> {
    const start = typeof body.offset === "number" ? body.offset : 0;
    const rows: unknown[] = [];
    while (rows.length < limit) {
      const size = Math.min(cap, limit - rows.length);
      const page = await http.post(path, { ...body, limit: size, offset: start + rows.length }, options);
      if (!Array.isArray(page)) return page;
      append(rows, page);
      if (page.length < size) break;
    }
    return rows;
  }

  return async (path, body, options) => {
    const limit = typeof body.limit === "number" ? body.limit : ROWS_PER_PAGE;
    if (limit > cap && cap > 0) return inPages(path, body, limit, options);
    try {
      // The limit is always sent: otherwise the server would apply its cap, and a page of that size would look like the last one.
      return await http.post(path, { ...body, limit }, options);
    } catch (error) {
      const refused = error instanceof AppError && limit <= ROWS_PER_PAGE ? CAP.exec(error.message)?.[1] : undefined;
      if (refused === undefined || Number(refused) === 0) throw error;
      cap = Number(refused);
      return inPages(path, body, limit, options);
    }
  };
}
