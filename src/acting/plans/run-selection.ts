/** The flow runs that a change is for: one by name, or several by a filter. */
import { AppError } from "../../errors.ts";
import { asName, counted, sentence } from "../../lib/shown-text.ts";
import type { FlowRun, JsonObject } from "../../model/objects.ts";
import { resolveName } from "../../queries/names/names.ts";
import { addCriterion, type MutableSet, startSet } from "../../queries/names/shorthands.ts";
import { stateCriterion } from "../../queries/names/state-names.ts";
import type { PlanContext } from "../plan.ts";

export interface RunSelection {
  readonly flow_run?: string | undefined;
  /** Prefect's filter of flow runs. */
  readonly filter?: unknown;
  readonly deployment?: string | undefined;
  readonly state?: readonly string[] | undefined;
  readonly limit?: number | undefined;
}

/** Without `limit`; a larger number has to be asked for. */
const DEFAULT_LIMIT = 20;
export const MAX_RUNS = 50;

export interface SelectedRuns {
  readonly runs: readonly FlowRun[];
  /** Runs that match; more than `runs` where a limit was given. */
  readonly total: number;
  readonly isOne: boolean;
}

/**
 * `defaultStates`: types of states that are meant where neither `state` nor the filter names one. Throws AppError `invalid_input` when
 * more runs match than may be changed at once and no limit says that only some are meant.
 */
export async function selectRuns(
  ctx: PlanContext,
  selection: RunSelection,
  defaultStates: readonly string[],
): Promise<SelectedRuns> {
  const { query, live } = ctx;
  const { flow_run, filter, deployment, state, limit } = selection;
  const isMany = filter !== undefined || deployment !== undefined || state !== undefined;
  if ((flow_run === undefined) === !isMany) {
    throw new AppError("invalid_input", "Give either flow_run, or filter, deployment or state for several runs.", {
      hint: 'Such as {"flow_run": "id or name"} or {"deployment": "etl/nightly", "state": ["Late"]}.',
    });
  }
  if (flow_run !== undefined) {
    const { id } = await resolveName(query, "flow_run", flow_run);
    return { runs: [await live.api.readFlowRun(id, live.options())], total: 1, isOne: true };
  }
  const set: MutableSet = startSet("flow_runs", filter);
  if (state !== undefined && state.length > 0) addCriterion(set, "flow_runs", "state", stateCriterion(state), "state");
  else if ((set.flow_runs as JsonObject | undefined)?.state === undefined && defaultStates.length > 0)
    addCriterion(set, "flow_runs", "state", stateCriterion(defaultStates), "state");
  if (deployment !== undefined) {
    const { id } = await resolveName(query, "deployment", deployment);
    addCriterion(set, "flow_runs", "deployment_id", { any_: [id] }, "deployment");
  }
  const body = set as JsonObject;
  const total = await live.api.countFlowRuns(body, live.options());
  const most = limit ?? DEFAULT_LIMIT;
  if (total > most && limit === undefined) {
    throw new AppError(
      "invalid_input",
      sentence`the filter matches ${counted(total, "flow run")}; without limit at most ${DEFAULT_LIMIT} are changed at once`,
      { hint: sentence`Narrow the filter, or give limit (at most ${MAX_RUNS}) to change only the first ones.` },
    );
  }
  const runs = await live.api.filterFlowRuns({ ...body, sort: "ID_DESC", limit: most }, live.options());
  if (runs.length > 0) return { runs, total, isOne: false };
  throw new AppError("not_found", "No flow run matches; nothing would be changed.", {
    hint: sentence`get_flow_runs with the same filter shows what exists${defaultStates.length > 0 ? sentence`; without state only ${asName(defaultStates.join("/"))} runs are meant` : ""}.`,
  });
}
