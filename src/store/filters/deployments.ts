import { z } from "zod";
import { isJsonNumber } from "../../lib/exact-json.ts";
import { clause, join } from "./clause.ts";
import {
  allTags,
  anyId,
  anyTag,
  anyText,
  booleanTerm,
  custom,
  group,
  ignored,
  like,
  likeClause,
  noTags,
  notAnyId,
} from "./term.ts";

/** Prefect takes integers of any length. */
const wholeNumber = z
  .any()
  .refine((value) => isJsonNumber(value) && /^-?\d+(\.0+)?$/.test(String(value)), "must be a whole number")
  .meta({ type: "integer" });

const TAGS = "d.doc, '$.tags'";

/**
 * The work queue of a deployment. Before Prefect 3.6 deployments have no `work_queue_id`, only the names of pool and queue.
 * https://github.com/PrefectHQ/prefect/blob/3.4.25/src/prefect/server/schemas/responses.py
 */
export const QUEUE_ID = `coalesce(d.doc ->> '$.work_queue_id',
  (SELECT n.id FROM object n JOIN object m ON m.id = n.parent_id AND m.kind = 'work_pool' AND m.deleted_us IS NULL
   WHERE n.kind = 'work_queue' AND n.deleted_us IS NULL AND n.name = d.doc ->> '$.work_queue_name'
   AND m.name = d.doc ->> '$.work_pool_name'))`;

/** The queue name that the deployment was given: a guess, as in flow-runs.ts, because Prefect returns another name. */
const QUEUE_NAME = `(CASE WHEN ${QUEUE_ID} IN
  (SELECT p.doc ->> '$.default_queue_id' FROM object p WHERE p.kind = 'work_pool')
  THEN NULL ELSE d.doc ->> '$.work_queue_name' END)`;

/** Prefect's DeploymentFilter over `object d` of kind deployment. */
export const deploymentFilter = group(
  {
    id: group({ any_: anyId({ text: "d.id" }), not_any_: notAnyId({ text: "d.id" }) }),
    name: group({ any_: anyText("d.name"), like_: like("d.name") }),
    flow_or_deployment_name: group({
      like_: custom(z.string(), (text) => {
        if (text === "") return null;
        const flow = likeClause("f.name", `%${text}%`);
        const byFlow = `EXISTS (SELECT 1 FROM object f WHERE f.kind = 'flow' AND f.id = d.parent_id AND ${flow.sql})`;
        return join([likeClause("d.name", `%${text}%`), clause(byFlow, ...flow.params)], "or_");
      }),
    }),
    paused: group({ eq_: booleanTerm((wanted) => clause(`(d.doc ->> '$.paused') IS ${wanted ? 1 : 0}`)) }),
    tags: group({ all_: allTags(TAGS), any_: anyTag(TAGS), is_null_: noTags(TAGS) }, { hasOperator: true }),
    work_queue_name: group({ any_: anyText(QUEUE_NAME) }),
    concurrency_limit: ignored(
      z.strictObject({
        ge_: wholeNumber.nullish(),
        le_: wholeNumber.nullish(),
        is_null_: z.boolean().nullish(),
      }),
    ),
  },
  { hasOperator: true },
);
