/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/logs.py */
import type { Log } from "../model/objects.ts";
import type { PrefectApi } from "./api.ts";
import type { Http } from "./transport/http.ts";
import type { PostFilter } from "./transport/pages.ts";
import { checkRows, type Fields } from "./transport/wire.ts";

const LOG: Fields = {
  id: "uuid",
  name: "text",
  level: "number",
  message: "text",
  timestamp: "text",
  flow_run_id: "uuid?",
  task_run_id: "uuid?",
};

export function createLogCalls(http: Http, postFilter: PostFilter): Pick<PrefectApi, "filterLogs"> {
  return {
    /** Default `sort`: `TIMESTAMP_ASC`, without a tie-break: lines with the same time come in insertion order. */
    async filterLogs(body, options) {
      return checkRows<Log>(http, "POST /logs/filter", await postFilter("/logs/filter", body, options), LOG);
    },
  };
}
