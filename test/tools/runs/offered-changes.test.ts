import { describe, expect, test } from "bun:test";
import { asShellWord } from "../../../src/lib/shown-text.ts";
import { ALL_PERMISSIONS, type Permission } from "../../../src/model/verbs.ts";
import { resumeRun, retryRun, runDeployment, setState } from "../../../src/queries/diagnosis/findings/commands.ts";
import { releaseSlots } from "../../../src/queries/diagnosis/findings/limits.ts";
import { parseArguments } from "../../../src/tools/definition/arguments.ts";
import { everyTool } from "../../../src/tools/index.ts";
import { offeredChanges } from "../../../src/tools/runs/offered-changes.ts";
import { anId } from "../../support/builders.ts";

const ID = anId(4);
const all: ReadonlySet<Permission> = new Set(ALL_PERMISSIONS);
const limitOf = (name: string, kind: "deployment" | "tag" | "global", key: string) =>
  releaseSlots({ kind, key, limit: { id: ID, name, limit: 2, active_slots: 2 }, holders: [] }, 0);

const FIXES: [fix: string, tool: string, args: Record<string, unknown>][] = [
  [retryRun(ID), "change_flow_run", { action: "retry", flow_run: ID }],
  [`If it hangs, cancel it: prefect flow-run cancel ${ID}`, "change_flow_run", { action: "cancel", flow_run: ID }],
  [resumeRun(ID), "change_flow_run", { action: "resume", flow_run: ID }],
  [
    `prefect api POST /flow_runs/${ID}/resume --data ${asShellWord('{"run_input":{"a":"it\'s"}}')}`,
    "change_flow_run",
    { action: "resume", flow_run: ID, run_input: { a: "it's" } },
  ],
  [setState(ID, "CRASHED"), "change_flow_run", { action: "set_state", flow_run: ID, to: "CRASHED", force: true }],
  [runDeployment(ID), "run_deployment", { deployment: ID }],
  [
    `Resume it: prefect deployment schedule resume ${asShellWord("my flow/nightly")} ${ID}`,
    "change_schedule",
    { action: "resume", deployment: "my flow/nightly", schedule: ID },
  ],
  [`prefect api POST /deployments/${ID}/resume_deployment`, "change_schedule", { action: "resume", deployment: ID }],
  [
    `Resume the work pool: prefect work-pool resume ${asShellWord("it's a pool")}`,
    "change_work_pool",
    { action: "resume", work_pool: "it's a pool" },
  ],
  [
    "Resume the queue: prefect work-queue resume high --pool etl-pool",
    "change_work_pool",
    { action: "resume", work_queue: "high", work_pool: "etl-pool" },
  ],
  [
    "raise the limit: prefect work-pool set-concurrency-limit etl-pool 3",
    "change_work_pool",
    { action: "limit", work_pool: "etl-pool", limit: 3 },
  ],
  [limitOf("tag:db", "tag", "db"), "change_concurrency_limit", { action: "free", name: "tag:db" }],
  [
    limitOf(`deployment:${ID}`, "deployment", ID),
    "change_concurrency_limit",
    { action: "free", name: `deployment:${ID}` },
  ],
  [
    "raise it: prefect global-concurrency-limit update db --limit 5",
    "change_concurrency_limit",
    { action: "limit", name: "db", limit: 5 },
  ],
  [`Enable it: prefect automation resume --id ${ID}`, "change_automation", { action: "enable", automation: ID }],
];

describe("a fix that names a command", () => {
  test.each<[string, string, Record<string, unknown>]>(FIXES)(
    "%s is offered as a call with arguments that the tool takes",
    (fix, tool, args) => {
      expect(offeredChanges(fix, all)).toMatchObject([{ tool, args }]);
      const definition = everyTool().find(({ name }) => name === tool);
      expect({ ...parseArguments(definition as never, args) }).toEqual(args);
    },
  );

  test("is offered only where the operator allows the change", () => {
    expect(offeredChanges(retryRun(ID), new Set())).toEqual([]);
    expect(offeredChanges(retryRun(ID), new Set<Permission>(["change_flow_run.cancel"]))).toEqual([]);
    expect(offeredChanges(retryRun(ID), new Set<Permission>(["change_flow_run.retry"]))).toHaveLength(1);
  });

  test("that no tool can do is not offered", () => {
    for (const fix of [
      "Start a worker: prefect worker start --pool etl-pool",
      `prefect deployment schedule delete flow/nightly ${ID}`,
      "prefect api POST /flow_runs/x/delete",
      "Correct the code and deploy it again.",
    ])
      expect(offeredChanges(fix, all)).toEqual([]);
  });
});
