/** The questions, with what a right answer says. */
import { POOL, type QuestionsWorkspace } from "../../test/support/questions/workspace.ts";

export interface Question {
  readonly name: string;
  readonly tool: string;
  readonly args: object;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
  isRight(structured: any): boolean;
}

export function questionsAbout({ bad, good }: QuestionsWorkspace): Question[] {
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
  ];
}
