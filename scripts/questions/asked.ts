/** The questions, with what a right answer says. */
import { POOL, type QuestionsWorkspace } from "../../test/support/questions/workspace.ts";

export interface Question {
  readonly name: string;
  readonly tool: string;
  readonly args: object;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
  isRight(structured: any): boolean;
}

/** Made by `record_questions.py assets`. */
const ASSET = "postgres://dwh/clean";

/** `at`: a moment that the record knows. */
export function questionsAbout({ bad, good }: QuestionsWorkspace, at: string): Question[] {
  return [
    {
      name: "What is different in the run that failed?",
      tool: "compare_runs",
      args: { flow_run: bad },
      isRight: ({ with: other, tasks }) => other.id === good.at(-1) && tasks.failed[0]?.name === "write",
    },
    {
      name: "And against the first one?",
      tool: "compare_runs",
      args: { flow_run: bad, with: good[0] },
      isRight: ({ with: other }) => other.id === good[0],
    },
    {
      name: "Which flows got less reliable this week?",
      tool: "get_reliability",
      args: { group_by: "flow", target: 0.99 },
      isRight: ({ results }) =>
        results.some((one: { name: string; failed: number }) => one.name === "orders" && one.failed === 1),
    },
    {
      name: "Which deployments?",
      tool: "get_reliability",
      args: {},
      isRight: ({ results }) => Array.isArray(results),
    },
    {
      name: "What will run in the next 24 hours?",
      tool: "forecast",
      args: {},
      isRight: ({ never_fires }) => never_fires.some((one: { why: string }) => one.why === "deployment_paused"),
    },
    {
      name: "What will wait in the pool in the next 4 hours?",
      tool: "forecast",
      args: { hours: 4, work_pool: POOL },
      isRight: ({ collisions }) => collisions.some((one: { name: string }) => one.name === POOL),
    },
    {
      name: "What fails, since when, and what changed before?",
      tool: "get_incidents",
      args: {},
      isRight: ({ incidents }) => incidents.some((one: { first_bad?: object }) => one.first_bad !== undefined),
    },
    {
      name: "Which incidents of the flow are open?",
      tool: "get_incidents",
      args: { flow: "orders", state: ["new", "ongoing", "returned"] },
      isRight: ({ incidents }) => incidents.length === 1 && incidents[0].count === 1,
    },
    {
      name: "What was the asset made from, and what uses it?",
      tool: "get_lineage",
      args: { asset: ASSET },
      isRight: ({ assets }) => assets.length === 3,
    },
    ...[
      { tool: "get_dashboard", args: {}, list: "work_pools" },
      { tool: "get_deployments", args: {}, list: "deployments" },
      { tool: "get_work_pools", args: { work_pool: POOL }, list: "work_pools" },
      { tool: "get_flow_runs", args: { flow: "orders" }, list: "flow_runs" },
    ].map(
      ({ tool, args, list }): Question => ({
        name: `How was it then? (${tool})`,
        tool,
        args: { ...args, at },
        isRight: (structured) => structured.at === at && structured[list].length > 0,
      }),
    ),
  ];
}
