/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/deployments.py */
import { z } from "zod";
import type { Deployment } from "../model/objects.ts";
import type { PrefectApi } from "./api.ts";
import type { Http } from "./transport/http.ts";
import type { PostFilter } from "./transport/pages.ts";
import { parseRows } from "./transport/wire.ts";

const deploymentSchema = z.looseObject({
  id: z.guid(),
  name: z.string(),
  flow_id: z.guid(),
  schedules: z.array(z.looseObject({ schedule: z.looseObject({}), active: z.boolean() })).nullish(),
});

export function createDeploymentCalls(http: Http, postFilter: PostFilter): Pick<PrefectApi, "filterDeployments"> {
  return {
    async filterDeployments(body, options) {
      const rows = await postFilter("/deployments/filter", body, options);
      return parseRows<Deployment>(http, "POST /deployments/filter", rows, deploymentSchema);
    },
  };
}
