import type { FlowRun } from "../../../model/objects.ts";

/** The run was refused by the limit of its deployment, whose collision strategy is CANCEL_NEW. */
export function limitsNewRuns(run: FlowRun): boolean {
  return run.state_type === "CANCELLED" && /concurrency limit reached/i.test(run.state?.message ?? "");
}
