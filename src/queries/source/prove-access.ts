import type { QueryContext } from "./context.ts";
import { openLive } from "./live.ts";

/** The answer is an empty list; what is longer is the refusal of something on the way, or no Prefect's. */
const MAX_BYTES = 256 * 1024;

/**
 * Asks Prefect something that only a caller with rights on the workspace is told: for the flow run of an id that no run has,
 * because a run may hold 512 KiB of parameters. Throws AppError of the API: `unauthorized` or `not_found` when Prefect
 * refuses, `unavailable` when it does not answer, `invalid_input` for an answer that is not read because of its size.
 */
export async function proveAccess(ctx: QueryContext): Promise<void> {
  const live = openLive(ctx);
  const nobody = { flow_runs: { id: { any_: ["00000000-0000-0000-0000-000000000000"] } }, limit: 1 };
  await live.api.filterFlowRuns(nobody, { ...live.options(), retries: 0, maxBytes: MAX_BYTES });
}
