import { truncate } from "../../findings/error-text.ts";
import type { CauseModule, RunFacts } from "../../findings/types.ts";

/** A parent that runs because a run it started does not start or end. Proof: an open child while the parent is RUNNING. */
export const waitsForChild: CauseModule = {
  code: "waits_for_child",
  subjects: ["flow_run"],
  judge: ({ run }) => {
    if (run?.run.state_type !== "RUNNING") return [];
    const open = run.children.filter((child) =>
      ["SCHEDULED", "PENDING", "PAUSED"].includes(child.run.state_type ?? ""),
    );
    const [child] = open;
    if (!child) return [];
    return [
      {
        code: "waits_for_child",
        severity: "problem",
        summary: `${run.run.name} waits for ${child.run.name}${child.flowName ? ` (${child.flowName})` : ""}, which is ${child.run.state_name}${why(child)}.`,
        evidence: {
          flow_run: { id: run.run.id, name: run.run.name },
          children: open.slice(0, 3).map((one) => ({
            id: one.run.id,
            name: one.run.name,
            state: one.run.state_name,
            work_pool: one.run.work_pool_name,
          })),
        },
        fix: "Release the run that it waits for.",
        next: [{ tool: "diagnose", args: { flow_run: child.run.id }, why: "why the child does not go on" }],
        certainty: 0.9,
        runsExplained: 1,
      },
    ];
  },
};

function why(child: RunFacts): string {
  const message = child.run.state?.message ?? "";
  const pool = child.run.work_pool_name ? ` in pool ${child.run.work_pool_name}` : "";
  return `${pool}${message === "" ? "" : `: ${truncate(message, 120)}`}`;
}
