/** The lists of all kinds that have one route for the whole workspace; `model/kinds.ts` names the routes. */
import { z } from "zod";
import { KINDS, type ListedKind } from "../model/kinds.ts";
import type { SnapshotObjects } from "../model/objects.ts";
import type { PrefectApi } from "./api.ts";
import type { CallOptions } from "./transport/call-options.ts";
import type { Http } from "./transport/http.ts";
import type { FilterBody, PostFilter } from "./transport/pages.ts";
import { parseRows } from "./transport/wire.ts";

/** Only what we rely on is checked. */
const SCHEMAS = {
  flow: z.looseObject({ id: z.guid(), name: z.string() }),
  deployment: z.looseObject({
    id: z.guid(),
    name: z.string(),
    flow_id: z.guid(),
    schedules: z.array(z.looseObject({ schedule: z.looseObject({}), active: z.boolean() })).nullish(),
  }),
  work_pool: z.looseObject({ id: z.guid(), name: z.string(), type: z.string() }),
  work_queue: z.looseObject({ id: z.guid(), name: z.string() }),
  /** Global limits, those of tags (`tag:…`) and of deployments (`deployment:{id}`). */
  concurrency_limit: z.looseObject({ id: z.guid(), name: z.string(), limit: z.number() }),
  automation: z.looseObject({
    id: z.guid(),
    name: z.string(),
    trigger: z.looseObject({}),
    actions: z.array(z.looseObject({})),
  }),
} as const satisfies Readonly<Record<ListedKind, z.ZodType>>;

export function createObjectCalls(http: Http, postFilter: PostFilter): Pick<PrefectApi, "filterObjects"> {
  return {
    async filterObjects<K extends ListedKind>(kind: K, body: FilterBody, options?: CallOptions) {
      const { route } = KINDS[kind];
      const rows = await postFilter(route, body, options);
      return parseRows<SnapshotObjects[K]>(http, `POST ${route}`, rows, SCHEMAS[kind]);
    },
  };
}
