/** One call to the cause: troubles made over REST on a real Prefect server; then the same questions without it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { setUpEnded } from "../support/diagnosis/ended-scenes.ts";
import { Stage } from "../support/diagnosis/stage.ts";
import { setUpWaiting } from "../support/diagnosis/waiting-scenes.ts";
import type { Product } from "../support/product.ts";

const SETUP_MS = 240_000;

/** All that the two set-ups name; a test must have its name before they run. */
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
  "own: queue priority",
  "own: queue that no worker asks",
  "own: cancelling without a worker",
  "own: cancelled by the deployment's limit",
  "own: parent waits for a late child",
  "own: running, but its process has ended",
  "own: a pool with a run whose process has ended",
  "own: exit code 143",
  "own: exit code 1, the log knows",
  "own: fails and passes by turns",
  "own: cancelled by an automation",
  "own: a child crashed (by hand)",
  "own: completed with an error line",
  "own: the same error in another deployment",
];
const EMPTY_HANDED = new Set(["missing-flow-run"]);

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.open();
  const late = await setUpWaiting(stage);
  await setUpEnded(stage);
  await stage.scene.untilLate(late);
  await stage.scene.beat();
  await stage.prefect.settled();
}, SETUP_MS);

afterAll(() => stage?.[Symbol.asyncDispose]());

describe("one call to the cause, on a real server", () => {
  test.each(NAMES)("%s", async (name) => {
    await stage.run(name);
  });

  test("every case that was set up is asked, and the answers are short", () => {
    expect([...stage.cases.keys()].toSorted()).toEqual(NAMES.toSorted());
    expect(stage.median()).toBeLessThanOrEqual(700);
  });
});

describe("a product that has only just begun", () => {
  let product: Product;

  beforeAll(async () => {
    await stage.scene.beat();
    product = await stage.another();
  });

  afterAll(() => product?.[Symbol.asyncDispose]());

  test.each(NAMES)("%s", async (name) => {
    await stage.runCold(name, product);
  });
});

describe("a server that stands still", () => {
  test("costs some seconds, and what it would have said is named as unchecked", async () => {
    stage.prefect.pause(true);
    try {
      const startMs = performance.now();
      const answer = await stage.product.call("diagnose", { flow_run: "pool-waiter" });
      expect(performance.now() - startMs).toBeLessThan(8_000);
      expect(JSON.stringify(answer.structured.causes[0])).toContain("pool-holder");
      expect(answer.structured.could_not_check.join("; ")).toMatch(/slots of pool slots-pool/);
    } finally {
      stage.prefect.pause(false);
    }
  }, 30_000);
});

describe("the same without Prefect", () => {
  beforeAll(async () => {
    await stage.prefect.stop();
    await Bun.sleep(3_000);
  }, 60_000);

  test.each(NAMES.filter((name) => !EMPTY_HANDED.has(name)))("%s", async (name) => {
    await stage.runOffline(name);
  });
});
