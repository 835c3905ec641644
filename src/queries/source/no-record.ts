import { asReason, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { QueryContext } from "./context.ts";

/**
 * Why a call has no record, or none of `what` (a plural noun): a sentence without its full stop. A file that cannot be read is no proof
 * that nothing is recorded.
 */
export function whyNoRecord(ctx: QueryContext, what?: string): Sentence {
  const problem = ctx.recordProblem?.() ?? null;
  if (problem !== null) return sentence`The record cannot be read (${problem.sentence})`;
  return what === undefined
    ? sentence`Nothing is recorded yet`
    : sentence`Nothing of these ${asReason(what)} is recorded yet`;
}
