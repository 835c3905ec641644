import type { QueryContext } from "./context.ts";
import { openLive } from "./live.ts";

/** Whether the server is certainly older than `version`. Asks for its version where it is not known; false while it stays unknown. */
export async function isServerBefore(ctx: QueryContext, version: string): Promise<boolean> {
  const live = openLive(ctx);
  return (await live.api.isServerBefore?.(version, live.options())) === true;
}
