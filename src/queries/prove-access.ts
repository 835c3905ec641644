import type { QueryContext } from "./context.ts";
import { openLive } from "./live.ts";

/**
 * Asks Prefect for something that only a caller with rights on the workspace is told (one flow run). Throws AppError of the
 * API: `unauthorized` or `not_found` when Prefect refuses, `unavailable` when it does not answer.
 */
export async function proveAccess(ctx: QueryContext): Promise<void> {
  const live = openLive(ctx);
  await live.api.filterFlowRuns({ limit: 1 }, { ...live.options(), retries: 0 });
}
