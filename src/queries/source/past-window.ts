/** Windows that are over: what limits, workers, pools and deployments are now says nothing about them. */
import { sentence } from "../../lib/shown-text.ts";
import type { ServerUs } from "../../lib/time.ts";
import type { TimeRange } from "../../model/freshness.ts";
import type { QueryContext } from "./context.ts";

/** The window ended longer ago than an answer about the present may be old. */
export function isOver(ctx: QueryContext, window: Pick<TimeRange, "toUs">, nowUs: ServerUs): boolean {
  return window.toUs < nowUs - ctx.freshMs * 1000;
}

/** For answers that count or judge the runs of such a window. */
export const RUNS_AS_NOW = sentence`The window is over; its runs count by the state that they have now.`;
