import type { QueryContext } from "./context.ts";
import { openLive } from "./live.ts";

/** Prefect answers with an empty list. A longer answer comes from a proxy, or from a server that is no Prefect. */
const MAX_BYTES = 256 * 1024;

/**
 * Asks Prefect something that it only answers to callers with access to the workspace: the flow run of an id that no run has,
 * since a real run may carry 512 KiB of parameters. Throws AppError: `unauthorized` or `not_found` when Prefect refuses,
 * `unavailable` when it does not answer, `invalid_input` for an answer that is too large to be read.
 */
export async function proveAccess(ctx: QueryContext): Promise<void> {
  const live = openLive(ctx);
  const noRun = { flow_runs: { id: { any_: ["00000000-0000-0000-0000-000000000000"] } }, limit: 1 };
  await live.api.filterFlowRuns(noRun, { ...live.options(), retries: 0, maxBytes: MAX_BYTES });
}
