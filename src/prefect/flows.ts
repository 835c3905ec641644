/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/flows.py */
import { z } from "zod";
import type { Flow } from "../model/objects.ts";
import type { PrefectApi } from "./api.ts";
import type { Http } from "./transport/http.ts";
import type { PostFilter } from "./transport/pages.ts";
import { parseRows } from "./transport/wire.ts";

const flowSchema = z.looseObject({ id: z.guid(), name: z.string() });

export function createFlowCalls(http: Http, postFilter: PostFilter): Pick<PrefectApi, "filterFlows"> {
  return {
    async filterFlows(body, options) {
      return parseRows<Flow>(http, "POST /flows/filter", await postFilter("/flows/filter", body, options), flowSchema);
    },
  };
}
