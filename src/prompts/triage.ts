import { sentence } from "../lib/shown-text.ts";
import { definePrompt, quoted } from "./define.ts";

export const triagePrompt = definePrompt({
  name: "triage",
  title: "Why did this run fail?",
  description: "Find the cause of one failed, crashed or stuck flow run, with evidence and what would fix it.",
  arguments: [{ name: "flow_run", description: "Name, id or UI link; left out: the newest failure", required: false }],
  text: ({ flow_run }) => [
    sentence`${flow_run ? sentence`The flow run ${quoted(flow_run)} has a problem.` : "Take the newest failed or crashed flow run (get_flow_runs with state FAILED, CRASHED and limit 1)."}`,
    sentence`Call diagnose with it. Then report, in this order: the verdict in one sentence, the cause with its evidence (exception and place, log line, times, names and ids), whether it failed like this before, and what fixes it.`,
    sentence`Look further (get_timeline, get_flow_run_logs) only where diagnose says that it could not check something that matters. Say how old the data is if as_of is more than a minute ago. Do not change anything.`,
  ],
});
