/** The lists of all kinds that have one route for the whole workspace; `model/kinds.ts` names the routes. */
import { z } from "zod";
import { isJsonNumber, type JsonNumber } from "../lib/exact-json.ts";
import { KINDS, type ListedKind } from "../model/kinds.ts";
import type { SnapshotObjects } from "../model/objects.ts";
import type { PrefectApi } from "./api.ts";
import type { CallOptions } from "./transport/call-options.ts";
import type { Http } from "./transport/http.ts";
import type { FilterBody, PostFilter } from "./transport/pages.ts";
import { parseRows } from "./transport/wire.ts";

const number = z.custom<JsonNumber>(isJsonNumber, "expected a number");

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
  concurrency_limit: z.looseObject({ id: z.guid(), name: z.string(), limit: number }),
  automation: z.looseObject({
    id: z.guid(),
    name: z.string(),
    trigger: z.looseObject({}),
    actions: z.array(z.looseObject({})),
  }),
  artifact: z.looseObject({
    id: z.guid(),
    key: z.string().nullish(),
    type: z.string().nullish(),
    description: z.string().nullish(),
    flow_run_id: z.guid().nullish(),
    task_run_id: z.guid().nullish(),
  }),
  variable: z.looseObject({ id: z.guid(), name: z.string(), tags: z.array(z.string()).nullish() }),
} as const satisfies Readonly<Record<ListedKind, z.ZodType>>;

/**
 * Of these kinds no other field leaves this file. A variable's value is often a secret, and Prefect cannot be asked to omit it.
 */
const ONLY_FIELDS: { readonly [K in ListedKind]?: readonly (keyof SnapshotObjects[K])[] } = {
  variable: ["id", "created", "updated", "name", "tags"],
};

function withOnlyFields<K extends ListedKind>(kind: K, rows: readonly SnapshotObjects[K][]): typeof rows {
  const fields: readonly PropertyKey[] | undefined = ONLY_FIELDS[kind];
  if (fields === undefined) return rows;
  const pick = (row: object) => Object.fromEntries(Object.entries(row).filter(([field]) => fields.includes(field)));
  return rows.map((row) => pick(row) as unknown as SnapshotObjects[K]);
}

export function createObjectCalls(http: Http, postFilter: PostFilter): Pick<PrefectApi, "filterObjects"> {
  return {
    async filterObjects<K extends ListedKind>(kind: K, body: FilterBody, options?: CallOptions) {
      const { route } = KINDS[kind];
      const rows = await postFilter(route, body, options);
      return withOnlyFields(kind, parseRows<SnapshotObjects[K]>(http, `POST ${route}`, rows, SCHEMAS[kind]));
    },
  };
}
