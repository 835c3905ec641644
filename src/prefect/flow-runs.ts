/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/flow_runs.py */
import { KINDS } from "../model/kinds.ts";
import type { FlowRun, State } from "../model/objects.ts";
import type { PrefectApi } from "./api.ts";
import type { ServerVersion } from "./older-servers/server-version.ts";
import { bodiesFor } from "./older-servers/start-times.ts";
import type { CallOptions } from "./transport/call-options.ts";
import type { Http } from "./transport/http.ts";
import type { FilterBody, PostFilter } from "./transport/pages.ts";
import { checkRow, checkRows, type Fields } from "./transport/wire.ts";

const FLOW_RUN: Fields = {
  id: "uuid",
  name: "text",
  flow_id: "uuid",
  deployment_id: "uuid?",
  state_id: "uuid?",
  state_type: "text?",
  state_name: "text?",
  expected_start_time: "text?",
  start_time: "text?",
  end_time: "text?",
  state: "object?",
};

const STATE: Fields = { id: "uuid", type: "text", name: "text?", timestamp: "text" };

type FlowRunCalls = Pick<PrefectApi, "filterFlowRuns" | "countFlowRuns" | "readFlowRun" | "readFlowRunStates">;

export function createFlowRunCalls(http: Http, postFilter: PostFilter, version: ServerVersion): FlowRunCalls {
  async function countOnce(body: FilterBody, options?: CallOptions): Promise<number> {
    const count = await http.post("/flow_runs/count", body, options);
    if (typeof count === "number") return count;
    throw http.failures.unexpectedAnswer("POST /flow_runs/count", "a number was expected");
  }

  return {
    async filterFlowRuns(body, options) {
      const rows = await postFilter(KINDS.flow_run.route, body, options);
      return checkRows<FlowRun>(http, `POST ${KINDS.flow_run.route}`, rows, FLOW_RUN);
    },
    async countFlowRuns(body, options) {
      // The parts have no run in common: no question of this program has the operator `or_`.
      const parts = await bodiesFor(version, body, options);
      const counts = await Promise.all(parts.map((part) => countOnce(part, options)));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    async readFlowRun(id, options) {
      const row = await http.get(`/flow_runs/${encodeURIComponent(id.toWellFormed())}`, options);
      return checkRow<FlowRun>(http, "GET /flow_runs/{id}", row, FLOW_RUN);
    },
    /** Ascending by timestamp; empty for an unknown run. A state's id is the id of its event. */
    async readFlowRunStates(flowRunId, options) {
      const rows = await http.get(
        `/flow_run_states/?flow_run_id=${encodeURIComponent(flowRunId.toWellFormed())}`,
        options,
      );
      return checkRows<State>(http, "GET /flow_run_states/", rows, STATE);
    },
  };
}
