import { sentence } from "../lib/shown-text.ts";
import { definePrompt, quoted } from "./define.ts";

export const morningCheckPrompt = definePrompt({
  name: "morning_check",
  title: "Morning check",
  description:
    "What happened since yesterday: outcomes against the day before, failures grouped by cause, what changed, what waits.",
  arguments: [
    { name: "since", description: "Start of the window, such as 24h or 2026-11-21; 24h if left out", required: false },
  ],
  text: ({ since }) => {
    const window = quoted(since?.trim() || "24h");
    return [
      sentence`Give me the state of the workspace since ${window}.`,
      sentence`1. get_dashboard with since ${window}: counts per state, late runs, trend, full limits.`,
      sentence`2. diagnose without arguments: problems grouped by cause, not run by run.`,
      sentence`3. what_changed since ${window}: deployments, pools, limits, automations.`,
      sentence`Answer in at most twelve lines: first what needs action by a person today, then what is new, then the numbers. Name objects with their ids. Say what is not covered (coverage, gaps) and how old the data is. Do not change anything.`,
    ];
  },
});
