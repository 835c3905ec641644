/**
 * Filters on the start of flow runs. Newer servers compare the expected start where a run has not started; up to Prefect 3.4 some
 * compare `start_time` alone, so that late and scheduled runs match no bound.
 * https://github.com/PrefectHQ/prefect/blob/3.2.15/src/prefect/server/schemas/filters.py
 * https://github.com/PrefectHQ/prefect/blob/3.4.25/src/prefect/server/schemas/filters.py
 */
import { append } from "../../lib/lists.ts";
import { parseIsoUs } from "../../lib/time.ts";
import type { JsonObject } from "../../model/objects.ts";
import type { CallOptions } from "../transport/call-options.ts";
import { ROWS_PER_PAGE } from "../transport/page-sizes.ts";
import type { FilterBody, PostFilter } from "../transport/pages.ts";
import type { ServerVersion } from "./server-version.ts";
import { merged } from "./sorted-rows.ts";

/** From here on, all servers compare the expected start. Both forms of the question have the same answer on newer servers. */
const FALLS_BACK_SINCE = "3.5.0";

interface Bounds {
  readonly after_?: string | null;
  readonly before_?: string | null;
  readonly is_null_?: boolean | null;
}

/** The question of a body as several ones that do not depend on how the server compares the start of runs that have not started. */
export async function bodiesFor(
  version: ServerVersion,
  body: FilterBody,
  options?: CallOptions,
): Promise<readonly FilterBody[]> {
  const parts = splitByStart(body);
  return parts !== null && (await version.isBefore(FALLS_BACK_SINCE, options)) ? parts : [body];
}

/** Null: the question has no bound on the start. */
function splitByStart(body: FilterBody): readonly FilterBody[] | null {
  const filter = (body.flow_runs ?? {}) as JsonObject;
  const start = (filter.start_time ?? {}) as Bounds;
  const { after_ = null, before_ = null, is_null_ = null } = start;
  if (after_ === null && before_ === null) return null;
  const withRuns = (flow_runs: JsonObject): FilterBody => ({ ...body, flow_runs });
  const bounds = { after_, before_ };
  // A criterion of `or_` cannot be narrowed by another one: the runs that have not started are added.
  if (filter.operator === "or_") {
    if (is_null_ !== null) return null;
    return [body, withRuns({ start_time: { is_null_: true }, expected_start_time: bounds })];
  }
  const started = withRuns({ ...filter, start_time: { ...bounds, is_null_: false } });
  const expected_start_time = narrower(filter.expected_start_time as Bounds | undefined, bounds);
  const notStarted = withRuns({ ...filter, start_time: { is_null_: true }, expected_start_time });
  if (is_null_ === null) return [started, notStarted];
  return [is_null_ ? notStarted : started];
}

function narrower(own: Bounds | null | undefined, bounds: Bounds): JsonObject {
  const pick = (a: string | null | undefined, b: string | null | undefined, sign: 1 | -1) => {
    if (a == null || b == null) return a ?? b ?? null;
    return sign * ((parseIsoUs(a) ?? 0) - (parseIsoUs(b) ?? 0)) > 0 ? a : b;
  };
  return { after_: pick(own?.after_, bounds.after_, 1), before_: pick(own?.before_, bounds.before_, -1) };
}

/** The same route, which answers as a newer server does. */
export function withStartTimes(postFilter: PostFilter, version: ServerVersion): PostFilter {
  return async (path, body, options) => {
    const bodies = await bodiesFor(version, body, options);
    const [first = body] = bodies;
    if (bodies.length < 2) return postFilter(path, first, options);
    const limit = typeof body.limit === "number" ? body.limit : ROWS_PER_PAGE;
    const offset = typeof body.offset === "number" ? body.offset : 0;
    const lists: JsonObject[][] = [];
    for (const part of bodies) {
      lists.push(await firstRows((page) => postFilter(path, { ...part, ...page }, options), offset + limit));
    }
    return merged(lists, path, body).slice(offset, offset + limit);
  };
}

async function firstRows(read: (page: JsonObject) => Promise<unknown>, wanted: number): Promise<JsonObject[]> {
  const rows: JsonObject[] = [];
  while (rows.length < wanted) {
    const limit = Math.min(ROWS_PER_PAGE, wanted - rows.length);
    const page = await read({ limit, offset: rows.length });
    if (Array.isArray(page)) append(rows, page as JsonObject[]);
    if (!Array.isArray(page) || page.length < limit) break;
  }
  return rows;
}
