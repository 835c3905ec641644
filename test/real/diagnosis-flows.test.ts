/** Failures of flows that really ran, and the workspace as a whole: one call each, on a real Prefect server. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Scene } from "../support/diagnosis-scene.ts";
import { type Product, startProduct } from "../support/product.ts";
import { type RealPrefect, startRealPrefect } from "../support/real-prefect.ts";

const SETUP_MS = 240_000;
const SETTLE_MS = 9_000;

let prefect: RealPrefect;
let product: Product;
let folder: string;
let ids: Record<string, string>;
let early: { verdict: string; causes: unknown[] };

beforeAll(async () => {
  prefect = await startRealPrefect();
  folder = mkdtempSync(join(tmpdir(), "diagnosis-flows-"));
  product = await startProduct({ env: { HOME: folder, PREFECT_API_URL: prefect.url, PREFECT_MCP_DATA_DIR: folder } });
  const scene = new Scene(prefect);
  for (const name of ["never-run-a", "never-run-b"]) await scene.post("/flows/", { name });
  await scene.pool("unused-pool");
  await scene.post("/automations/", {
    name: "quiet",
    trigger: {
      type: "event",
      posture: "Reactive",
      expect: ["never.happens"],
      match: {},
      match_related: {},
      for_each: [],
      threshold: 1,
      within: 0,
    },
    actions: [{ type: "do-nothing" }],
  });
  await Bun.sleep(SETTLE_MS);
  early = (await product.call("diagnose", { occurred_after: "1h" })).structured;
  const done = await prefect.python("diagnosis_flows.py", [
    "upstream",
    "nested",
    "retried",
    "export",
    "chained",
    "too_slow",
    "returns_failed",
  ]);
  if (done.exitCode !== 0) throw new Error(done.stderr.slice(-2000));
  ids = JSON.parse(done.stdout.trim().split("\n").at(-1) ?? "{}").ids;
  await Bun.sleep(SETTLE_MS);
}, SETUP_MS);

afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  await prefect?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(args: Record<string, string>) {
  const answer = await product.call("diagnose", args);
  const json = JSON.stringify(answer.structured);
  expect(Math.ceil(Math.max(json.length, answer.text.length) / 4)).toBeLessThanOrEqual(1_500);
  const causes: { summary: string; severity: string; evidence: unknown }[] = answer.structured.causes;
  return {
    verdict: answer.structured.verdict as string,
    first: JSON.stringify(causes[0] ?? null),
    json,
    summaries: causes.map((cause) => cause.summary).join("\n"),
  };
}

describe("flows that really ran", () => {
  test("an exception: type, message and the user's frame", async () => {
    const { verdict, first, summaries } = await ask({ flow_run: ids.upstream ?? "" });
    expect(verdict).toBe("problem");
    expect(first).toMatch(/RuntimeError.*503 Service Unavailable/);
    expect(first).toContain("diagnosis_flows.py");
    expect(summaries).not.toMatch(/no worker|late/i);
  });

  test("a subflow of a subflow: the deepest run, the task and the key", async () => {
    const { first } = await ask({ flow_run: ids.outer ?? "" });
    expect(first).toMatch(/KeyError/);
    expect(first).toContain("price");
    expect(first).toContain(ids.inner ?? "none");
    expect(first).toContain("read_price");
  });

  test("retried, then completed: nothing is wrong, and the retry is mentioned", async () => {
    const { verdict, json } = await ask({ flow_run: ids.retried ?? "" });
    expect(verdict).toBe("nothing_wrong");
    expect(json).toMatch(/retry|tried 2 times/);
  });

  test("the error line behind 1,500 others, and the exception", async () => {
    const { first } = await ask({ flow_run: ids.export ?? "" });
    expect(first).toContain("disk quota exceeded");
    expect(first).toContain("export aborted");
  });

  test("a chain of causes ends at its root", async () => {
    const { first } = await ask({ flow_run: ids.chained ?? "" });
    expect(first).toContain("ValueError");
    expect(first).toContain("wrapped");
  });

  test("a timeout says what it was doing", async () => {
    const { first } = await ask({ flow_run: ids.too_slow ?? "" });
    expect(first).toMatch(/timed out/);
  });

  test("a state returned as Failed keeps its message", async () => {
    const { verdict, first } = await ask({ flow_run: ids.returns_failed ?? "" });
    expect(verdict).toBe("problem");
    expect(first).toContain("12 of 400 rows were rejected");
  });
});

describe("the workspace", () => {
  test("flows that never ran and idle pools are no problem", () => {
    expect(early.verdict).toBe("nothing_wrong");
  });

  test("with failures: each way to fail once, the newest run by name", async () => {
    const { verdict, json, summaries } = await ask({});
    expect(verdict).toBe("problem");
    expect(json).toContain(ids.returns_failed ?? "none");
    expect(summaries).not.toMatch(/unused-pool/);
  });
});

describe("tasks and limits that keep a run waiting", () => {
  test("a full tag limit: the tag and who holds it", async () => {
    const scene = new Scene(prefect);
    await scene.post("/concurrency_limits/", { tag: "db", concurrency_limit: 1 });
    await scene.post("/concurrency_limits/", { tag: "free", concurrency_limit: 5 });
    const { id: flow_id } = await scene.post("/flows/", { name: "tag-flow" });
    const runs = [];
    for (const name of ["tag-holder", "tag-waiter"]) {
      const run = await scene.post("/flow_runs/", { flow_id, name });
      await scene.start(run);
      runs.push(run);
      const task = await scene.post("/task_runs/", {
        flow_run_id: run.id,
        task_key: "write",
        dynamic_key: "0",
        name: `${name}-task`,
        tags: ["db", "free"],
        state: { type: "PENDING" },
      });
      if (name === "tag-holder") await scene.post(`/task_runs/${task.id}/set_state`, { state: { type: "RUNNING" } });
    }
    await Bun.sleep(SETTLE_MS);
    const { first, summaries } = await ask({ flow_run: runs[1]?.id ?? "" });
    expect(first).toMatch(/tag db/);
    expect(first).toMatch(/tag-holder/);
    expect(summaries).not.toMatch(/no worker|tag free/);
  }, 60_000);

  test("a full global limit is inferred from earlier runs", async () => {
    const scene = new Scene(prefect);
    await scene.post("/v2/concurrency_limits/", { name: "ledger", limit: 1 });
    await prefect.python("diagnosis_flows.py", ["hold-limit", "0"]);
    const holding = prefect.python("diagnosis_flows.py", ["hold-limit", "25"]);
    await Bun.sleep(6_000);
    const waiting = prefect.python("diagnosis_flows.py", ["hold-limit", "0"]);
    await Bun.sleep(12_000);
    const runs = await scene.post<{ id: string; name: string }[]>("/flow_runs/filter", {
      flows: { name: { any_: ["ledger-write"] } },
      flow_runs: { state: { type: { any_: ["RUNNING"] } } },
      sort: "START_TIME_ASC",
    });
    const [holder, waiter] = runs;
    const { first, summaries } = await ask({ flow_run: waiter?.id ?? "" });
    expect(first).toContain("ledger");
    expect(first).toContain(holder?.name ?? "none");
    expect(first).toMatch(/inferred/);
    expect(summaries).not.toMatch(/no worker/);
    await Promise.all([holding, waiting]);
  }, 120_000);
});
