/** What is drawn above the text of an answer on a terminal. */
import { ENDED, endedCall, type ViewCall } from "../../views/calls.ts";
import type { AnsweredCall } from "../../views/page.ts";
import { dashboardPicture, type EndedByHour, type Screen } from "./dashboard-picture.ts";
import { diagnosisPicture } from "./diagnosis-picture.ts";
import type { PaintedLine } from "./paint.ts";

/** Null where a call is denied or fails: then its part is not drawn. */
type Ask = (call: ViewCall) => Promise<AnsweredCall["structured"] | null>;

export async function answerPicture(answered: AnsweredCall, ask: Ask, screen: Screen): Promise<PaintedLine[]> {
  const { tool, structured } = answered;
  if (tool === "diagnose") return diagnosisPicture(structured, screen);
  if (tool !== "get_dashboard") return [];
  return dashboardPicture(structured, await endedByHour(answered, ask), screen);
}

/** None where any is missing. Of several workspaces there are no common hours. */
async function endedByHour({ args, structured }: AnsweredCall, ask: Ask): Promise<EndedByHour[]> {
  if (structured.flow_runs === undefined || args.workspace !== undefined) return [];
  const ended: EndedByHour[] = [];
  for (const state of ENDED) {
    const answer = await ask(endedCall(state, args));
    if (answer === null) return [];
    ended.push({ state: state.toLowerCase(), answer });
  }
  return ended;
}
