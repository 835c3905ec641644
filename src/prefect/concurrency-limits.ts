/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/concurrency_limits_v2.py */
import { z } from "zod";
import type { ConcurrencyLimit, JsonObject } from "../model/objects.ts";
import type { PrefectApi } from "./api.ts";
import type { Http } from "./transport/http.ts";
import type { PostFilter } from "./transport/pages.ts";
import { parseRows } from "./transport/wire.ts";

const limitSchema = z.looseObject({ id: z.guid(), name: z.string(), limit: z.number() });
const tagLimitSchema = z.looseObject({ id: z.guid(), tag: z.string(), active_slots: z.array(z.string()).nullish() });

type ConcurrencyLimitCalls = Pick<PrefectApi, "filterConcurrencyLimits" | "filterTagLimits">;

export function createConcurrencyLimitCalls(http: Http, postFilter: PostFilter): ConcurrencyLimitCalls {
  return {
    /** Global limits, those of tags (`tag:…`) and of deployments (`deployment:{id}`). */
    async filterConcurrencyLimits(body, options) {
      const rows = await postFilter("/v2/concurrency_limits/filter", body, options);
      return parseRows<ConcurrencyLimit>(http, "POST /v2/concurrency_limits/filter", rows, limitSchema);
    },
    async filterTagLimits(options) {
      const rows = await postFilter("/concurrency_limits/filter", {}, options);
      return parseRows<JsonObject>(http, "POST /concurrency_limits/filter", rows, tagLimitSchema);
    },
  };
}
