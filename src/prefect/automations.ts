/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/server/api/automations.py */
import { z } from "zod";
import type { Automation } from "../model/objects.ts";
import type { PrefectApi } from "./api.ts";
import type { Http } from "./transport/http.ts";
import type { PostFilter } from "./transport/pages.ts";
import { parseRows } from "./transport/wire.ts";

const automationSchema = z.looseObject({
  id: z.guid(),
  name: z.string(),
  trigger: z.looseObject({}),
  actions: z.array(z.looseObject({})),
});

export function createAutomationCalls(http: Http, postFilter: PostFilter): Pick<PrefectApi, "filterAutomations"> {
  return {
    async filterAutomations(body, options) {
      const rows = await postFilter("/automations/filter", body, options);
      return parseRows<Automation>(http, "POST /automations/filter", rows, automationSchema);
    },
  };
}
