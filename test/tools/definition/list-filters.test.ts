import { describe, expect, test } from "bun:test";
import { byField, byName, byState, readFilters } from "../../../src/tools/definition/list-filters.ts";
import { aFlow, anId, at } from "../../support/builders.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

const flow = aFlow({ id: anId(1), name: "orders-etl" });
const RULES = {
  key: "flow_runs",
  criteria: {
    state: byState,
    flow: byName("flow", "id", "flows"),
    name: byField("name", "like_"),
    tags: byField("tags", "all_"),
  },
  timeField: "start_time",
} as const;

describe("readFilters", () => {
  test("adds the arguments to the filter, and names by their id", async () => {
    await using harness = await openToolHarness();
    harness.objects("flow", [flow]);
    const args = {
      filter: { name: { any_: ["a"] } },
      flow: "orders-etl",
      name: "a",
      tags: ["x"],
      state: ["Late"],
      since: at(0),
    };
    expect(await readFilters(harness.query, RULES, args, harness.nowUs)).toEqual({
      set: {
        flow_runs: {
          name: { any_: ["a"], like_: "a" },
          tags: { all_: ["x"] },
          state: { name: { any_: ["Late"] } },
          start_time: { after_: at(0) },
        },
        flows: { id: { any_: [flow.id] } },
      },
      named: { flow: { id: flow.id, name: "orders-etl" } },
    });
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("refuses a wrong argument before it asks Prefect for a name", async () => {
    await using harness = await openToolHarness({ record: false });
    const args = { flow: "orders-etl", state: [] };
    await expect(readFilters(harness.query, RULES, args, harness.nowUs)).rejects.toMatchObject({
      code: "invalid_input",
      message: "state is empty",
    });
    expect(harness.fake.takeRequests()).toEqual([]);
  });
});
