/**
 * Concurrency limits of tags. Newer servers list them among all limits, by the name `tag:…`; older ones only by a route of their own.
 * https://github.com/PrefectHQ/prefect/blob/3.2.15/src/prefect/server/api/concurrency_limits.py
 * https://github.com/PrefectHQ/prefect/blob/3.4.25/src/prefect/server/api/concurrency_limits.py
 */
import { append } from "../../lib/lists.ts";
import { KINDS } from "../../model/kinds.ts";
import type { JsonObject } from "../../model/objects.ts";
import { ROWS_PER_PAGE } from "../transport/page-sizes.ts";
import type { PostFilter } from "../transport/pages.ts";
import type { ServerVersion } from "./server-version.ts";

/** From here on, all servers list them among all limits. */
const LISTED_SINCE = "3.5.0";

/**
 * The same routes; the list of all limits begins with those of tags that the server leaves out. Some servers before `LISTED_SINCE`
 * have a tag limit in both lists, and only its row among all limits has the number of taken slots: after `concurrency-limit reset` the
 * list of tag limits names no holder although the slots are still taken (checked on Prefect 3.4.25).
 */
export function withTagLimits(postFilter: PostFilter, version: ServerVersion): PostFilter {
  return async (path, body, options) => {
    if (path !== KINDS.concurrency_limit.route || !(await version.isBefore(LISTED_SINCE, options)))
      return postFilter(path, body, options);
    const limit = typeof body.limit === "number" ? body.limit : ROWS_PER_PAGE;
    const offset = typeof body.offset === "number" ? body.offset : 0;
    const listed = await postFilter("/concurrency_limits/filter", {}, options);
    const named = (Array.isArray(listed) ? (listed as JsonObject[]) : []).map(asNamedLimit);
    const all: JsonObject[] = [];
    for (;;) {
      const page = await postFilter(path, { ...body, limit: ROWS_PER_PAGE, offset: all.length }, options);
      if (!Array.isArray(page)) return page;
      append(all, page as JsonObject[]);
      if (page.length < ROWS_PER_PAGE) break;
    }
    const names = new Set(all.map(({ name }) => name));
    return [...named.filter(({ name }) => !names.has(name)), ...all].slice(offset, offset + limit);
  };
}

function asNamedLimit(limit: JsonObject): JsonObject {
  const { id = null, created = null, updated = null, tag, concurrency_limit = null, active_slots } = limit;
  return {
    id,
    created,
    updated,
    active: true,
    name: `tag:${String(tag)}`,
    // Other limits have no such member. A limit that has it is changed by the routes of tag limits.
    tag: String(tag),
    limit: concurrency_limit,
    active_slots: Array.isArray(active_slots) ? active_slots.length : 0,
    denied_slots: 0,
    slot_decay_per_second: 0,
  };
}
