import { AppError } from "../../errors.ts";
import { asName, sentence } from "../../lib/shown-text.ts";
import type { FlowRun } from "../../model/objects.ts";
import type { QueryContext } from "../source/context.ts";
import type { LiveReader } from "../source/live.ts";

/**
 * One run from Prefect; saves it. Throws AppError `not_found` for a run that Prefect does not have, and saves that it is missing.
 */
export async function readFlowRun(ctx: QueryContext, live: LiveReader, id: string): Promise<FlowRun> {
  try {
    const run = await live.api.readFlowRun(id, live.options());
    ctx.saveLive({ kind: "flow_run", rows: [run], readUs: live.startedUs });
    return run;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "not_found" || error.isUnknownRoute) throw error;
    ctx.saveLive({ kind: "flow_run", rows: [], readUs: live.startedUs, missing: [id] });
    throw new AppError("not_found", sentence`no flow run ${asName(id)} in this workspace`, {
      hint: "get_flow_runs lists runs with their ids and names.",
      cause: error,
    });
  }
}
