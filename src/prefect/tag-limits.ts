/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/concurrency_limits.py */
import { z } from "zod";
import type { JsonObject } from "../model/objects.ts";
import type { PrefectApi } from "./api.ts";
import type { Http } from "./transport/http.ts";
import type { PostFilter } from "./transport/pages.ts";
import { parseRows } from "./transport/wire.ts";

const tagLimitSchema = z.looseObject({ id: z.guid(), tag: z.string(), active_slots: z.array(z.string()).nullish() });

export function createTagLimitCalls(http: Http, postFilter: PostFilter): Pick<PrefectApi, "filterTagLimits"> {
  return {
    async filterTagLimits(options) {
      const rows = await postFilter("/concurrency_limits/filter", {}, options);
      return parseRows<JsonObject>(http, "POST /concurrency_limits/filter", rows, tagLimitSchema);
    },
  };
}
