import { own, sentence } from "../lib/shown-text.ts";
import { definePrompt, quoted } from "./define.ts";

export const lateRunsPrompt = definePrompt({
  name: "late_runs",
  title: "Why are runs late?",
  description:
    "Find out what keeps late or pending runs from starting, for the workspace, a deployment or a work pool.",
  arguments: [
    { name: "deployment", description: "Name or id of a deployment", required: false },
    { name: "work_pool", description: "Name of a work pool", required: false },
  ],
  text: ({ deployment, work_pool }) => {
    const subject = deployment
      ? sentence`the deployment ${quoted(deployment)}`
      : work_pool
        ? sentence`the work pool ${quoted(work_pool)}`
        : own("this workspace (no argument)");
    return [
      sentence`Some runs do not start on time. Call diagnose with ${subject}.`,
      sentence`For each cause say: which runs wait and for how long, what they wait for (worker, pause, which limit and who holds its slots, priority, missing pool), and the one action that releases them. If nothing is late, say so and give the time of the data.`,
      sentence`List the late runs by name (get_flow_runs with state Late) if diagnose does not. Do not change anything.`,
    ];
  },
});
