/** compare_runs, get_reliability and forecast on a real Prefect, whose flows really ran and whose scheduler made the runs. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DAY_US, parseIsoUs } from "../../src/lib/time.ts";
import { scheduleTimes } from "../../src/model/schedules/schedule-times.ts";
import { type Product, startProduct, type ToolResult } from "../support/process/product.ts";
import { fillQuestions, POOL, type QuestionsWorkspace, scheduledTimes } from "../support/questions/workspace.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect/real-prefect.ts";
import { waitUntil } from "../support/time/wait-until.ts";

let prefect: RealPrefect;
let product: Product;
let workspace: QuestionsWorkspace;
let folder: string;

beforeAll(async () => {
  prefect = await startRealPrefect();
  workspace = await fillQuestions(prefect);
  folder = await mkdtemp(join(tmpdir(), "questions-"));
  product = await startProduct({ env: prefect.productEnv(folder) });
  await recorded("get_reliability", { group_by: "flow" });
});

afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  await prefect?.[Symbol.asyncDispose]();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** The answer of the record, once that is caught up. */
function recorded(tool: string, args: object): Promise<ToolResult> {
  return waitUntil(
    `${tool} is answered from the record`,
    () => product.call(tool, args),
    ({ structured }) => structured.source === "record" && structured.coverage.complete,
  );
}

interface Run {
  readonly start_time: string;
  readonly end_time: string;
}

test("get_reliability gives the figures that Prefect's own runs have", async () => {
  const runs = await prefect.api<Run[]>("POST", "/flow_runs/filter", { flow_runs: { id: { any_: workspace.good } } });
  const seconds = runs
    .map((run) => ((parseIsoUs(run.end_time) ?? 0) - (parseIsoUs(run.start_time) ?? 0)) / 1e6)
    .sort((a, b) => a - b);
  const { structured } = await recorded("get_reliability", { group_by: "flow", flow: "orders", target: 0.5 });
  expect(structured.results).toMatchObject([
    { name: "orders", runs: 4, completed: 3, failed: 1, success_rate: 0.75, budget_left: 0.5, failures_allowed: 2 },
  ]);
  const [orders] = structured.results;
  expect([orders.p50_s, orders.p95_s]).toEqual([seconds[1], seconds[2]].map((one) => Number(one?.toFixed(3))));
  expect(orders.streak).toEqual({ state: "failed", runs: 1 });
});

test("compare_runs finds what differs in the run that failed", async () => {
  const { structured } = await product.call("compare_runs", { flow_run: workspace.bad });
  expect(structured.with).toMatchObject({
    id: workspace.good.at(-1),
    reason: "the last completed run of the same flow before it",
  });
  expect(structured.parameters).toEqual(
    expect.arrayContaining(["checks: false → true", 'column: "price" → "prise"', "day: 3 → 4"]),
  );
  expect(structured.versions).toEqual(['flow_version: "v1" → "v2"']);
  expect(structured.tasks).toMatchObject({
    failed: [{ name: "write", now: { failed: 1 }, before: { runs: 1 } }],
    new: [{ name: "check", runs: 1 }],
    missing: [{ name: "notify", runs: 1 }],
    slower: [{ name: "read" }],
  });
  expect(structured.logs.first_different.message).toContain("checked 104 rows");
  expect(structured.logs.first_missing.message).toContain("wrote 103 rows");
});

describe("forecast", () => {
  test("expands each schedule to the very times that Prefect's scheduler has made", async () => {
    for (const [name, { id, schedule }] of workspace.deployments) {
      const theirs = await scheduledTimes(prefect, id);
      const [fromUs, toUs] = [theirs[0], theirs.at(-1)].map((time) => parseIsoUs(time ?? "") ?? 0);
      const ours = scheduleTimes(schedule, { fromUs: fromUs ?? 0, toUs: toUs ?? 0 }, 1_000);
      expect([name, ours]).toEqual([name, theirs.map((time) => parseIsoUs(time) ?? 0)]);
    }
  });

  test("adds the runs that Prefect has not made yet, and says who waits", async () => {
    const { structured } = await recorded("forecast", { hours: 48, work_pool: POOL, limit: 200 });
    const expected = structured.runs.map((run: { expected: string }) => parseIsoUs(run.expected) ?? 0);
    const theirs = await scheduledTimes(prefect, workspace.deployments.get("first")?.id ?? "");
    const until = (parseIsoUs(structured.window.to) ?? 0) - DAY_US;
    for (const time of theirs.filter((one) => (parseIsoUs(one) ?? 0) < until))
      expect(expected).toContain(parseIsoUs(time) ?? 0);
    const total = structured.runs.length + (structured.next_cursor === undefined ? 0 : 1);
    expect(total).toBeGreaterThan(theirs.length);
    // Both are due at the same time; of neither a run has completed, so a minute is assumed, in a pool with one slot.
    const [one, other] = structured.runs;
    expect([one.late_by_s, other.late_by_s]).toEqual([0, 60]);
    expect(other.waits_for).toBe(`work_pool ${POOL} (1 slot)`);
    expect(structured.collisions[0]).toMatchObject({ kind: "work_pool", name: POOL, limit: 1, longest_wait_s: 60 });
  });

  test("names the schedule of the paused deployment, and nothing else, as one that never fires", async () => {
    const { structured } = await recorded("forecast", { hours: 24 });
    expect(structured.never_fires).toMatchObject([{ deployment: "planned/paused", why: "deployment_paused" }]);
  });
});
