import { DAY_US, formatIsoUs } from "../../../lib/time.ts";
import { isRecordCurrent } from "../../source/answer.ts";
import type { QueryContext } from "../../source/context.ts";
import { presentWindow } from "../../source/run-window.ts";
import { serverNowUs } from "../../source/server-time.ts";

/**
 * The lower bound for a question about runs that names none: the start of what the record covers, when that reaches from at
 * least a day ago to now. Undefined: the record cannot answer, and Prefect is asked without a bound.
 */
export function coveredSince(ctx: QueryContext): { after_: string } | undefined {
  const db = ctx.record();
  if (!db || !isRecordCurrent(ctx, db, "flow_run")) return undefined;
  const nowUs = serverNowUs(ctx);
  const { fromUs } = presentWindow(db, "flow_run", nowUs);
  return nowUs - fromUs >= DAY_US ? { after_: formatIsoUs(fromUs) } : undefined;
}
