import { clause } from "./clause.ts";
import {
  after,
  allTags,
  anyId,
  anyStateType,
  anyTag,
  anyText,
  before,
  custom,
  group,
  inIds,
  isNull,
  like,
  noTags,
  notAnyId,
  notAnyStateType,
  notAnyText,
  uuids,
} from "./term.ts";

/**
 * Prefect filters by the queue name that the run was created with, and returns the name of its queue. They differ for
 * the default queue of a pool, which need not be named: NULL is assumed for it, which may be wrong (see `isDecidable`).
 */
const QUEUE_NAME = `(CASE WHEN r.work_queue_id IN
  (SELECT unhex(replace(p.doc ->> '$.default_queue_id', '-', '')) FROM object p WHERE p.kind = 'work_pool')
  THEN NULL ELSE r.work_queue_name END)`;

const CREATED_BY = "coalesce(r.created_by_type, r.created_by_id)";

/** Prefect's FlowRunFilter over `flow_run r`. For servers before 3.9.1, `asOnServer` comes first. */
export const flowRunFilter = group(
  {
    id: group({ any_: anyId({ bytes: "r.id" }), not_any_: notAnyId({ bytes: "r.id" }) }),
    name: group({ any_: anyText("r.name"), like_: like("r.name") }),
    tags: group({ all_: allTags("r.tags"), any_: anyTag("r.tags"), is_null_: noTags("r.tags") }, { hasOperator: true }),
    deployment_id: group(
      { any_: anyId({ bytes: "r.deployment_id" }), is_null_: isNull("r.deployment_id") },
      { hasOperator: true },
    ),
    work_queue_name: group({ any_: anyText(QUEUE_NAME), is_null_: isNull(QUEUE_NAME) }, { hasOperator: true }),
    state: group(
      {
        type: group({ any_: anyStateType("r.state_type"), not_any_: notAnyStateType("r.state_type") }),
        name: group({ any_: anyText("r.state_name"), not_any_: notAnyText("r.state_name") }),
      },
      { hasOperator: true },
    ),
    flow_version: group({ any_: anyText("r.flow_version") }),
    start_time: group({ before_: before("r.begin_us"), after_: after("r.begin_us"), is_null_: isNull("r.start_us") }),
    end_time: group({ before_: before("r.end_us"), after_: after("r.end_us"), is_null_: isNull("r.end_us") }),
    expected_start_time: group({ before_: before("r.expected_us"), after_: after("r.expected_us") }),
    next_scheduled_start_time: group({ before_: before("r.next_us"), after_: after("r.next_us") }),
    parent_flow_run_id: group(
      {
        any_: custom(uuids, (ids) => {
          const inner = inIds({ bytes: "parent.flow_run_id" }, ids);
          const sql = `r.parent_task_run_id IN (SELECT parent.id FROM task_run parent WHERE parent.deleted_us IS NULL AND ${inner.sql})`;
          return clause(sql, ...inner.params);
        }),
      },
      { hasOperator: true },
    ),
    parent_task_run_id: group(
      { any_: anyId({ bytes: "r.parent_task_run_id" }), is_null_: isNull("r.parent_task_run_id") },
      { hasOperator: true },
    ),
    idempotency_key: group({ any_: anyText("r.idempotency_key"), not_any_: notAnyText("r.idempotency_key") }),
    created_by: group(
      { id_: anyId({ bytes: "r.created_by_id" }), type_: anyText("r.created_by_type"), is_null_: isNull(CREATED_BY) },
      { hasOperator: true },
    ),
  },
  { hasOperator: true },
);
