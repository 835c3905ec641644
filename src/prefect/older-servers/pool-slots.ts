/**
 * Who holds the slots of a work pool, for servers without `POST /work_pools/{name}/concurrency_status` (before 3.6.23). They count
 * PENDING and RUNNING runs of a queue of the pool, as newer ones do:
 * https://github.com/PrefectHQ/prefect/blob/3.0.11/src/prefect/server/database/sql/sqlite/get-runs-from-worker-queues.sql.jinja
 */
import { KINDS } from "../../model/kinds.ts";
import type { Json, JsonObject } from "../../model/objects.ts";
import { HOLDING_TYPES } from "../../model/state.ts";
import type { CallOptions } from "../transport/call-options.ts";
import { ROWS_PER_PAGE } from "../transport/page-sizes.ts";
import type { PostFilter } from "../transport/pages.ts";

/** More holders are not read. */
const MAX_PAGES = 5;

/** As the newer route gives it. */
type Queue = {
  readonly queue_id: string;
  readonly queue_name: Json;
  active_slots: number;
  readonly flow_runs: JsonObject[];
};

/** The answer of the newer route, as far as it is used. */
export async function slotsByRuns(postFilter: PostFilter, pool: string, options?: CallOptions): Promise<JsonObject> {
  const queues = new Map<string, Queue>();
  let active_slots = 0;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const rows = await postFilter(
      KINDS.flow_run.route,
      {
        flow_runs: { state: { type: { any_: [...HOLDING_TYPES] } } },
        work_pools: { name: { any_: [pool] } },
        sort: "ID_DESC",
        limit: ROWS_PER_PAGE,
        offset: page * ROWS_PER_PAGE,
      },
      options,
    );
    const runs = Array.isArray(rows) ? (rows as JsonObject[]) : [];
    for (const run of runs) {
      if (typeof run.work_queue_id !== "string") continue;
      const queue = queues.get(run.work_queue_id) ?? {
        queue_id: run.work_queue_id,
        queue_name: run.work_queue_name ?? null,
        active_slots: 0,
        flow_runs: [],
      };
      queue.flow_runs.push({ id: run.id ?? null, name: run.name ?? null });
      queue.active_slots += 1;
      active_slots += 1;
      queues.set(run.work_queue_id, queue);
    }
    if (runs.length < ROWS_PER_PAGE) break;
  }
  return { active_slots, queues: [...queues.values()] };
}
