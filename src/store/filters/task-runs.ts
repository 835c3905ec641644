import { type Clause, clause, TRUE } from "./clause.ts";
import {
  after,
  allTags,
  anyId,
  anyStateType,
  anyText,
  before,
  booleanTerm,
  group,
  inIds,
  isNull,
  like,
  noTags,
  type Term,
} from "./term.ts";

const SUBFLOW = "EXISTS (SELECT 1 FROM flow_run s WHERE s.parent_task_run_id = t.id AND s.deleted_us IS NULL)";

/**
 * Without `is_null_` it is false: an empty object selects task runs inside flow runs. `any_` takes precedence over that
 * default.
 */
const flowRunId: Term = (() => {
  const shape = group(
    { any_: anyId({ bytes: "t.flow_run_id" }), is_null_: isNull("t.flow_run_id") },
    { hasOperator: true },
  );
  const clauseOf = (value: { any_?: readonly string[] | null; is_null_?: boolean | null }): Clause => {
    const { any_ = null, is_null_ = false } = value;
    if (is_null_ === true) return clause("t.flow_run_id IS NULL");
    if (any_ !== null) return inIds({ bytes: "t.flow_run_id" }, any_);
    return is_null_ === false ? clause("t.flow_run_id IS NOT NULL") : TRUE;
  };
  return { ...shape, clause: (value) => clauseOf(value as Parameters<typeof clauseOf>[0]) };
})();

/** Prefect's TaskRunFilter over `task_run t`. */
export const taskRunFilter = group(
  {
    id: group({ any_: anyId({ bytes: "t.id" }) }),
    name: group({ any_: anyText("t.name"), like_: like("t.name") }),
    tags: group({ all_: allTags("t.tags"), is_null_: noTags("t.tags") }, { hasOperator: true }),
    state: group(
      {
        type: group({ any_: anyStateType("t.state_type") }, { needsSingleCriterion: true }),
        name: group({ any_: anyText("t.state_name") }, { needsSingleCriterion: true }),
      },
      { hasOperator: true },
    ),
    start_time: group({ before_: before("t.start_us"), after_: after("t.start_us"), is_null_: isNull("t.start_us") }),
    end_time: group({ before_: before("t.end_us"), after_: after("t.end_us"), is_null_: isNull("t.end_us") }),
    expected_start_time: group({ before_: before("t.expected_us"), after_: after("t.expected_us") }),
    subflow_runs: group({ exists_: booleanTerm((wanted) => clause(wanted ? SUBFLOW : `NOT ${SUBFLOW}`)) }),
    flow_run_id: flowRunId,
  },
  { hasOperator: true },
);
