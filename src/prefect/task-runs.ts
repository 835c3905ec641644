/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/task_runs.py */
import { KINDS } from "../model/kinds.ts";
import type { TaskRun } from "../model/objects.ts";
import type { PrefectApi } from "./api.ts";
import type { Http } from "./transport/http.ts";
import type { PostFilter } from "./transport/pages.ts";
import { checkRows, type Fields } from "./transport/wire.ts";

const TASK_RUN: Fields = {
  id: "uuid",
  name: "text",
  flow_run_id: "uuid?",
  state_id: "uuid?",
  state_type: "text?",
  state_name: "text?",
  expected_start_time: "text?",
  start_time: "text?",
  end_time: "text?",
  state: "object?",
};

type TaskRunCalls = Pick<PrefectApi, "filterTaskRuns" | "countTaskRuns">;

export function createTaskRunCalls(http: Http, postFilter: PostFilter): TaskRunCalls {
  return {
    async filterTaskRuns(body, options) {
      const rows = await postFilter(KINDS.task_run.route, body, options);
      return checkRows<TaskRun>(http, `POST ${KINDS.task_run.route}`, rows, TASK_RUN);
    },
    async countTaskRuns(body, options) {
      const count = await http.post("/task_runs/count", body, options);
      if (typeof count === "number") return count;
      throw http.failures.unexpectedAnswer("POST /task_runs/count", "a number was expected");
    },
  };
}
