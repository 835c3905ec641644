import { describe, expect, test } from "bun:test";
import { getFlowsTool } from "../../../src/tools/objects/get-flows.ts";
import { aDeployment, aFlow, aFlowRun, anId, at } from "../../support/builders.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

const orders = aFlow({ id: anId(1), name: "orders-etl", tags: ["finance"] });
const billing = aFlow({ id: anId(2), name: "billing" });
const nightly = aDeployment({ id: anId(3), name: "nightly", flow_id: orders.id });

describe("get_flows", () => {
  test("answers from the record by name, with tags, deployments and last run", async () => {
    await using harness = await openToolHarness();
    harness.objects("flow", [orders, billing]);
    harness.objects("deployment", [nightly]);
    harness.flowRuns([aFlowRun({ flow_id: orders.id, start_time: at(60) })]);
    harness.cover("flow_run");
    harness.following();
    const answer = await harness.call(getFlowsTool, {});
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(answer.structured.coverage).not.toHaveProperty("notes");
    expect(answer.structured.flows).toEqual([
      { id: billing.id, name: "billing" },
      {
        id: orders.id,
        name: "orders-etl",
        tags: ["finance"],
        deployments: ["orders-etl/nightly"],
        last_run_state: "Completed",
        last_run_start: at(60),
      },
    ]);
    expect(
      (await harness.call(getFlowsTool, { filter: { deployment: { is_null_: true } } })).structured.flows,
    ).toMatchObject([{ id: billing.id }]);
    expect((await harness.call(getFlowsTool, { tags: ["finance"], detail: "full" })).structured.flows[0]).toMatchObject(
      { ...orders },
    );
  });

  test("reads the whole list from Prefect in one request and saves it", async () => {
    await using harness = await openToolHarness();
    harness.fake.workspace.flows.push(orders, billing);
    const answer = await harness.call(getFlowsTool, { limit: 1 });
    expect(answer.structured).toMatchObject({ source: "live", flows: [{ id: billing.id }] });
    expect(harness.fake.takeRequests()).toEqual(["POST /flows/filter"]);
    expect(harness.saved).toMatchObject([
      { kind: "flow", isWhole: true, rows: [{ id: billing.id }, { id: orders.id }] },
    ]);
    const next = await harness.call(getFlowsTool, { limit: 1, cursor: answer.structured.next_cursor });
    expect(next.structured.flows).toMatchObject([{ id: orders.id }]);
  });

  test("states that deployments and last runs are missing where they are not recorded", async () => {
    const notes = [
      "Deployments of the flows are not shown, because their list is not recorded; get_deployments lists them.",
      "Last runs are not shown, because flow runs are not recorded up to now; get_flow_runs lists them.",
    ];
    for (const record of [true, false]) {
      await using harness = await openToolHarness({ record });
      harness.fake.workspace.flows.push(orders, billing);
      for (const args of [{}, { flow: "billing" }, { fresh: true }]) {
        const { structured, text } = await harness.call(getFlowsTool, args);
        expect(structured.coverage).toMatchObject({ complete: true, notes });
        expect(text).toContain("Last runs are not shown");
      }
      const none = await harness.call(getFlowsTool, { name: "nothing" });
      expect(none.structured.coverage).not.toHaveProperty("notes");
    }
  });

  test("fails on unknown fields, unknown names and a cursor of other arguments", async () => {
    await using harness = await openToolHarness();
    harness.objects("flow", [orders, billing]);
    const wrong = await harness.call(getFlowsTool, { filter: { deployments: {} } });
    expect(wrong.structured.hint).toBe("Valid fields of FlowFilter: operator, id, deployment, name, tags.");
    const unknown = await harness.call(getFlowsTool, { flow: "order-etl" });
    expect(unknown.structured).toMatchObject({
      code: "not_found",
      hint: "Nearest names: orders-etl. get_flows lists all flows.",
    });
    const page = await harness.call(getFlowsTool, { limit: 1 });
    const other = await harness.call(getFlowsTool, { name: "b", cursor: page.structured.next_cursor });
    expect(other.structured).toMatchObject({ code: "invalid_input", message: "cursor belongs to other arguments" });
  });
});
