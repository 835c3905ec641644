/**
 * What only one work pool lists: its workers, and who holds its slots.
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/workers.py
 */
import { z } from "zod";
import { AppError } from "../errors.ts";
import { isJsonNumber, type JsonNumber } from "../lib/exact-json.ts";
import type { JsonObject, Worker } from "../model/objects.ts";
import type { PrefectApi } from "./api.ts";
import { slotsByRuns } from "./older-servers/pool-slots.ts";
import type { ServerVersion } from "./older-servers/server-version.ts";
import type { Http } from "./transport/http.ts";
import type { PostFilter } from "./transport/pages.ts";
import { parseOne, parseRows } from "./transport/wire.ts";

const workerSchema = z.looseObject({ id: z.guid(), name: z.string(), work_pool_id: z.guid() });
const slotsSchema = z.looseObject({
  active_slots: z.custom<JsonNumber>(isJsonNumber, "expected a number"),
  queues: z.array(z.looseObject({ queue_id: z.guid() })),
});

/** https://github.com/PrefectHQ/prefect/blob/3.6.23/src/prefect/server/api/workers.py */
const HAS_SLOTS_SINCE = "3.6.23";
/** Runs listed per queue: the server's default is 10, its maximum 200. */
const HOLDERS_PER_QUEUE = 200;

type WorkPoolCalls = Pick<PrefectApi, "filterWorkers" | "readWorkPoolSlots">;

export function createWorkPoolCalls(http: Http, postFilter: PostFilter, version: ServerVersion): WorkPoolCalls {
  const poolPath = (name: string) => `/work_pools/${encodeURIComponent(name.toWellFormed())}`;
  return {
    async filterWorkers(workPoolName, options) {
      const rows = await postFilter(`${poolPath(workPoolName)}/workers/filter`, {}, options);
      return parseRows<Worker>(http, "POST /work_pools/{name}/workers/filter", rows, workerSchema);
    },
    async readWorkPoolSlots(workPoolName, options) {
      if (version.isKnownBefore(HAS_SLOTS_SINCE)) return slotsByRuns(postFilter, workPoolName, options);
      const path = `${poolPath(workPoolName)}/concurrency_status`;
      try {
        const answer = await http.post(path, { flow_run_limit: HOLDERS_PER_QUEUE }, options);
        return parseOne<JsonObject>(http, "POST /work_pools/{name}/concurrency_status", answer, slotsSchema);
      } catch (error) {
        // The version may be unknown.
        if (!(error instanceof AppError) || !error.isUnknownRoute) throw error;
        return slotsByRuns(postFilter, workPoolName, options);
      }
    },
  };
}
