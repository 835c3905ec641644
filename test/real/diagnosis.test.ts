/** One call names the cause: problems made over REST on a real Prefect server; then the same questions while it is stopped. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { DiagnosisHarness } from "../support/diagnosis/diagnosis-harness.ts";
import { setUpEndedCases } from "../support/diagnosis/ended-cases.ts";
import { setUpWaitingCases } from "../support/diagnosis/waiting-cases.ts";
import { WIDER_QUESTIONS } from "../support/diagnosis/wider-questions.ts";
import type { Product } from "../support/process/product.ts";
import { waitUntil } from "../support/time/wait-until.ts";

/** The names of all cases: `test.each` needs them before the cases are set up. */
const NAMES = [
  "late-no-worker",
  "late-runs-to-cancel",
  "pool-slots-held",
  "queue-slots-held",
  "deployment-limit-held",
  "late-none",
  "no-work-pool",
  "oom-137",
  "parameter-change",
  "missing-flow-run",
  "many-failures-one-cause",
  "duration-regression",
  "worker-stale",
  "pool-paused",
  "queue-paused",
  "deployment-paused",
  "schedule-inactive",
  "future-schedule",
  "awaiting-input",
  "awaiting-retry",
  "pending-no-infrastructure",
  "unrelated-noise",
  "queue priority",
  "queue that no worker polls",
  "cancelling without a worker",
  "cancelled by the deployment's limit",
  "parent waits for a late child",
  "running, but its process has ended",
  "a pool with a run whose process has ended",
  "exit code 143",
  "exit code 1, explained by the log",
  "failures followed by completed runs",
  "cancelled by an automation",
  "a child crashed (set over REST)",
  "completed with an error line",
  "the same error in another deployment",
];
const NEED_PREFECT = new Set(["missing-flow-run"]);

let harness: DiagnosisHarness;

beforeAll(async () => {
  harness = await DiagnosisHarness.open();
  const late = await setUpWaitingCases(harness);
  await setUpEndedCases(harness);
  await harness.driver.untilLate(late);
  await harness.settle();
});

afterAll(() => harness?.[Symbol.asyncDispose]());

describe("one call, on a real server", () => {
  test.each(NAMES)("%s", async (name) => {
    await harness.run(name);
  });

  test("every case that was set up is tested, and the answers are short", () => {
    expect([...harness.cases.keys()].toSorted()).toEqual(NAMES.toSorted());
    expect(harness.median()).toBeLessThanOrEqual(700);
  });
});

describe("the same problems, asked for what the run belongs to", () => {
  test.each(WIDER_QUESTIONS.map((one) => [Object.entries(one.ask).join(" "), one] as const))(
    "%s",
    async (_, { ask, first }) => {
      const { structured } = await harness.product.call("diagnose", ask);
      expect(structured.verdict).toBe("problem");
      for (const part of first) expect(JSON.stringify(structured.causes[0])).toMatch(part);
    },
  );
});

describe("a product with an empty record", () => {
  let product: Product;

  beforeAll(async () => {
    product = await harness.startAnother();
  });

  afterAll(() => product?.[Symbol.asyncDispose]());

  test.each(NAMES)("%s", async (name) => {
    await harness.runCold(name, product);
  });
});

describe("a suspended server", () => {
  test("does not prevent an answer, and what it did not answer is named as unchecked", async () => {
    await using product = await harness.startAnother({ PREFECT_MCP_LIVE_DEADLINE_SECONDS: "3" });
    const ask = () => product.call("diagnose", { flow_run: "pool-waiter" });
    await waitUntil("the record names the cause", ask, ({ structured }) =>
      JSON.stringify(structured.causes?.[0] ?? null).includes("pool-holder"),
    );
    // The first answers come from Prefect.
    const held = () => product.call("get_flow_runs", { flow_run: "pool-waiter" });
    await waitUntil("the record has the run", held, ({ structured }) => structured.source === "record");
    harness.prefect.pause(true);
    try {
      const answer = await ask();
      expect(JSON.stringify(answer.structured.causes[0])).toContain("pool-holder");
      expect(answer.structured.could_not_check.join("; ")).toMatch(/slots of pool slots-pool/);
    } finally {
      harness.prefect.pause(false);
    }
  });
});

describe("the same while Prefect is stopped", () => {
  beforeAll(async () => {
    await harness.prefect.stop();
    const status = () => harness.product.call("get_record_status");
    await waitUntil("the product knows that Prefect is stopped", status, ({ structured }) => !structured.reachable);
  });

  test.each(NAMES.filter((name) => !NEED_PREFECT.has(name)))("%s", async (name) => {
    await harness.runOffline(name);
  });
});
