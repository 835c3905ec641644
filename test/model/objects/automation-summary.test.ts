import { expect, test } from "bun:test";
import { describeAction, describeTrigger } from "../../../src/model/objects/automation-summary.ts";

test("metrics and actions that Prefect adds later are named as they are", () => {
  const metric = { name: "queue_depth", operator: ">", threshold: 10, range: "PT10M", firing_for: 300 };
  expect(describeTrigger({ type: "metric", metric })).toBe("metric queue_depth > 10 over 10m for 5m");
  expect(describeAction({ type: "page-someone", team: "data" })).toBe("page-someone");
});
