/** The workspace as a whole, and flows that really ran or wait: one call each, on a real Prefect server. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { NO_WORKER, Stage } from "../support/diagnosis/stage.ts";
import { setUpHealthy, setUpTwoCauses } from "../support/diagnosis/workspaces.ts";
import { eventually } from "../support/product.ts";

const SETUP_MS = 240_000;
const FLOWS = "diagnosis/flows.py";

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open();
}, SETUP_MS);

afterAll(() => stage?.[Symbol.asyncDispose]());

describe("a workspace without trouble", () => {
  beforeAll(async () => {
    await setUpHealthy(stage);
    await stage.prefect.settled();
  }, SETUP_MS);

  test.each(["flows-never-run", "healthy-workspace"])("%s", async (name) => {
    await stage.run(name);
  });
});

describe("a workspace with trouble", () => {
  beforeAll(async () => {
    await setUpTwoCauses(stage);
    await stage.prefect.settled();
  }, SETUP_MS);

  test("two-causes", async () => {
    const { structured } = await stage.run("two-causes");
    const [first, second] = structured.causes.map((cause: object) => JSON.stringify(cause));
    expect(first).toMatch(/12 runs/);
    expect(second).toMatch(/stuck-pool/);
  });

  test("last-failing-run", async () => {
    await stage.run("last-failing-run");
  });
});

describe("flows that really ran", () => {
  beforeAll(async () => {
    const { scene } = stage;
    await scene.deployment("child-flow", "child-dep", "calm-pool");
    const names = ["upstream", "nested", "retried", "export", "chained", "too_slow", "returns_failed"];
    const running = stage.prefect.python(FLOWS, [...names, "waits_for_child"]);
    const children = () =>
      scene.post<{ id: string; name: string }[]>("/flow_runs/filter", { flows: { name: { any_: ["child-flow"] } } });
    const [child] = await eventually(children, (found) => found.length > 0, 90_000);
    if (!child) throw new Error("the parent started no child");
    await scene.start(child);
    await scene.state(child, "CRASHED", "Crashed", "Flow run infrastructure exited with non-zero status code 137.");
    const done = await running;
    if (done.exitCode !== 0) throw new Error(done.stderr.slice(-2000));
    expectRuns(JSON.parse(done.stdout.trim().split("\n").at(-1) ?? "{}").ids, child.name);
    await stage.prefect.settled();
  }, SETUP_MS);

  test.each([
    "failed-upstream-503",
    "nested-subflow-failure",
    "subflow-crashed",
    "retried-then-succeeded",
    "error-after-1500-lines",
    "own: a chain of causes ends at its root",
    "own: a timeout",
    "own: a state returned as Failed keeps its message",
  ])("%s", async (name) => {
    await stage.run(name);
  });
});

function expectRuns(ids: Record<string, string>, child: string): void {
  const problem = (name: string, run: string, first: (string | RegExp)[]) =>
    stage.expect(name, {
      ask: { flow_run: ids[run] ?? "" },
      verdict: "problem",
      first,
      never: [NO_WORKER, /\blate\b/i],
    });
  problem("failed-upstream-503", "upstream", [/RuntimeError.*503 Service Unavailable/, FLOWS]);
  problem("nested-subflow-failure", "outer", ["KeyError", "price", ids.inner ?? "none", "read_price"]);
  problem("subflow-crashed", "waits_for_child", [child, "137", /memory/]);
  problem("error-after-1500-lines", "export", ["disk quota exceeded", "RuntimeError", "export aborted"]);
  problem("own: a chain of causes ends at its root", "chained", ["ValueError", "wrapped"]);
  problem("own: a timeout", "too_slow", [/timed out/]);
  problem("own: a state returned as Failed keeps its message", "returns_failed", ["12 of 400 rows were rejected"]);
  const retried = { flow_run: ids.retried ?? "" };
  stage.expect("retried-then-succeeded", { ask: retried, verdict: "nothing_wrong", anywhere: [/retry/] });
}

describe("limits that keep a run waiting without a word", () => {
  beforeAll(async () => {
    const { scene, prefect } = stage;
    await scene.post("/v2/concurrency_limits/", { name: "ledger", limit: 1 });
    await scene.post("/concurrency_limits/", { tag: "db", concurrency_limit: 1 });
    await scene.post("/concurrency_limits/", { tag: "free", concurrency_limit: 5 });
    await prefect.python(FLOWS, ["hold", "0"]);
    const runs = (flow: string) => () =>
      scene.post<{ id: string; name: string }[]>("/flow_runs/filter", {
        flows: { name: { any_: [flow] } },
        flow_runs: { state: { type: { any_: ["RUNNING"] } } },
        sort: "START_TIME_ASC",
      });
    // Both end with the server.
    void prefect.python(FLOWS, ["hold", "60"]);
    await eventually(runs("ledger-write"), (found) => found.length === 1, 30_000);
    await Bun.sleep(2_000);
    void prefect.python(FLOWS, ["hold", "0"]);
    const global = await eventually(runs("ledger-write"), (found) => found.length === 2, 30_000);
    const tagged = await eventually(runs("tag-write"), (found) => found.length === 2, 30_000);
    await stage.prefect.settled();
    stage.expect("global-limit-held", {
      ask: { flow_run: global[1]?.id ?? "" },
      verdict: "problem",
      first: ["ledger", global[0]?.name ?? "none", /inferred/],
      never: [NO_WORKER],
    });
    stage.expect("tag-limit-held", {
      ask: { flow_run: tagged[1]?.id ?? "" },
      verdict: "problem",
      first: [/tag db/, /write_row/, tagged[0]?.name ?? "none"],
      never: [NO_WORKER, /tag free/],
    });
  }, SETUP_MS);

  test.each(["global-limit-held", "tag-limit-held"])("%s", async (name) => {
    await stage.run(name);
  });
});
