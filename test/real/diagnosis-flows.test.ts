/** A whole workspace, and flows that really ran or wait: one call each, on a real Prefect server. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { DiagnosisHarness, NO_WORKER } from "../support/diagnosis/diagnosis-harness.ts";
import { setUpHealthyWorkspace, setUpTwoCauses } from "../support/diagnosis/workspace-cases.ts";
import { waitUntil } from "../support/time/wait-until.ts";

const FLOWS = "diagnosis/flows.py";

let harness: DiagnosisHarness;

beforeAll(async () => {
  harness = await DiagnosisHarness.open();
});

afterAll(() => harness?.[Symbol.asyncDispose]());

describe("a healthy workspace", () => {
  beforeAll(async () => {
    await setUpHealthyWorkspace(harness);
    await harness.settle();
  });

  test.each(["flows-never-run", "healthy-workspace"])("%s", async (name) => {
    await harness.run(name);
  });
});

describe("a workspace with two problems", () => {
  beforeAll(async () => {
    await setUpTwoCauses(harness);
    await harness.settle();
  });

  test("two-causes", async () => {
    const { structured } = await harness.run("two-causes");
    const [first, second] = structured.causes.map((cause: object) => JSON.stringify(cause));
    expect(first).toMatch(/12 runs/);
    expect(second).toMatch(/stuck-pool/);
  });

  test("last-failing-run", async () => {
    await harness.run("last-failing-run");
  });
});

describe("flows that really ran", () => {
  beforeAll(async () => {
    const { driver } = harness;
    await driver.deployment("child-flow", "child-dep", "calm-pool");
    const names = ["upstream", "nested", "retried", "export", "chained", "too_slow", "returns_failed"];
    const running = harness.prefect.python(FLOWS, [...names, "waits_for_child"]);
    const children = () =>
      driver.post<{ id: string; name: string }[]>("/flow_runs/filter", { flows: { name: { any_: ["child-flow"] } } });
    const [child] = await waitUntil("the child run", children, (found) => found.length > 0);
    if (!child) throw new Error("the parent started no child");
    await driver.start(child);
    await driver.state(child, "CRASHED", "Crashed", "Flow run infrastructure exited with non-zero status code 137.");
    const done = await running;
    if (done.exitCode !== 0) throw new Error(done.stderr.slice(-2000));
    expectRuns(JSON.parse(done.stdout.trim().split("\n").at(-1) ?? "{}").ids, child.name);
    await harness.settle();
  });

  test.each([
    "failed-upstream-503",
    "nested-subflow-failure",
    "subflow-crashed",
    "retried-then-succeeded",
    "error-after-1500-lines",
    "a chain of exceptions ends at the first",
    "a timeout",
    "a state returned as Failed keeps its message",
  ])("%s", async (name) => {
    await harness.run(name);
  });
});

function expectRuns(ids: Record<string, string>, child: string): void {
  const problem = (name: string, run: string, first: (string | RegExp)[]) =>
    harness.expect(name, {
      ask: { flow_run: ids[run] ?? "" },
      verdict: "problem",
      first,
      never: [NO_WORKER, /\blate\b/i],
    });
  problem("failed-upstream-503", "upstream", [/RuntimeError.*503 Service Unavailable/, FLOWS]);
  problem("nested-subflow-failure", "outer", ["KeyError", "price", ids.inner ?? "none", "read_price"]);
  problem("subflow-crashed", "waits_for_child", [child, "137", /memory/]);
  problem("error-after-1500-lines", "export", ["disk quota exceeded", "RuntimeError", "export aborted"]);
  problem("a chain of exceptions ends at the first", "chained", ["ValueError", "wrapped"]);
  problem("a timeout", "too_slow", [/timed out/]);
  problem("a state returned as Failed keeps its message", "returns_failed", ["12 of 400 rows were rejected"]);
  const retried = { flow_run: ids.retried ?? "" };
  harness.expect("retried-then-succeeded", { ask: retried, verdict: "nothing_wrong", anywhere: [/retry/] });
}

describe("limits for which a run waits without a state that shows it", () => {
  beforeAll(async () => {
    const { driver, prefect } = harness;
    await driver.post("/v2/concurrency_limits/", { name: "ledger", limit: 1 });
    await driver.post("/concurrency_limits/", { tag: "db", concurrency_limit: 1 });
    await driver.post("/concurrency_limits/", { tag: "free", concurrency_limit: 5 });
    await prefect.python(FLOWS, ["hold", "0"]);
    const runs = (flow: string) => () =>
      driver.post<{ id: string; name: string }[]>("/flow_runs/filter", {
        flows: { name: { any_: [flow] } },
        flow_runs: { state: { type: { any_: ["RUNNING"] } } },
        sort: "START_TIME_ASC",
      });
    // Both end with the server.
    void prefect.python(FLOWS, ["hold", "3600"]);
    await waitUntil("the run that holds the limit", runs("ledger-write"), (found) => found.length === 1);
    const ledger = () => prefect.api<{ active_slots: number }>("GET", "/v2/concurrency_limits/ledger");
    await waitUntil("the slot of the global limit is taken", ledger, ({ active_slots }) => active_slots === 1);
    const tag = () => prefect.api<{ active_slots: string[] }>("GET", "/concurrency_limits/tag/db");
    await waitUntil("the slot of the tag limit is taken", tag, ({ active_slots }) => active_slots.length === 1);
    void prefect.python(FLOWS, ["hold", "0"]);
    const global = await waitUntil(
      "a second run that waits for the global limit",
      runs("ledger-write"),
      (found) => found.length === 2,
    );
    const tagged = await waitUntil(
      "a second run that waits for the tag limit",
      runs("tag-write"),
      (found) => found.length === 2,
    );
    await harness.settle();
    harness.expect("global-limit-held", {
      ask: { flow_run: global[1]?.id ?? "" },
      verdict: "problem",
      first: ["ledger", global[0]?.name ?? "none", /inferred/],
      never: [NO_WORKER],
    });
    harness.expect("tag-limit-held", {
      ask: { flow_run: tagged[1]?.id ?? "" },
      verdict: "problem",
      first: [/tag db/, /write_row/, tagged[0]?.name ?? "none"],
      never: [NO_WORKER, /tag free/],
    });
  });

  test.each(["global-limit-held", "tag-limit-held"])("%s", async (name) => {
    await harness.run(name);
  });
});
