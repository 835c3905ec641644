import { describe, expect, test } from "bun:test";
import { getAutomationsTool } from "../../../src/tools/objects/get-automations.ts";
import { aDeployment, anAutomation, anId } from "../../support/builders.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

const deployment = aDeployment({ id: anId(1), name: "nightly" });
const rerun = anAutomation({
  id: anId(2),
  name: "rerun",
  tags: ["ops"],
  trigger: {
    type: "event",
    match: { "prefect.resource.id": "prefect.flow-run.*" },
    match_related: { "prefect.resource.id": ["prefect.tag.prod"], "prefect.resource.role": "tag" },
    after: [],
    expect: ["prefect.flow-run.Failed", "prefect.flow-run.Crashed"],
    for_each: ["prefect.resource.id"],
    posture: "Reactive",
    threshold: 3,
    within: 3_600,
  },
  actions: [
    { type: "run-deployment", source: "selected", deployment_id: deployment.id },
    { type: "change-flow-run-state", state: "CANCELLED" },
  ],
});
const stuck = anAutomation({
  id: anId(3),
  name: "stuck",
  enabled: false,
  trigger: {
    type: "event",
    after: ["prefect.flow-run.Pending"],
    expect: ["prefect.flow-run.Running"],
    posture: "Proactive",
    threshold: 1,
    within: 300,
  },
  actions: [{ type: "cancel-flow-run" }],
});

describe("get_automations", () => {
  test("answers from the record with triggers and actions in words, and names beside ids", async () => {
    await using harness = await openToolHarness();
    harness.objects("automation", [stuck, rerun]);
    harness.objects("deployment", [deployment]);
    const answer = await harness.call(getAutomationsTool, {});
    expect(harness.fake.takeRequests()).toEqual([]);
    expect(answer.structured.automations).toEqual([
      {
        id: rerun.id,
        name: "rerun",
        enabled: true,
        trigger:
          "prefect.flow-run.Failed or prefect.flow-run.Crashed 3 times within 1h; on id=prefect.flow-run.*; related to id=prefect.tag.prod role=tag; counted per prefect.resource.id",
        actions: [`run-deployment nightly (${deployment.id})`, "change-flow-run-state to CANCELLED"],
        tags: ["ops"],
      },
      {
        id: stuck.id,
        name: "stuck",
        enabled: false,
        trigger: "no prefect.flow-run.Running within 5m after prefect.flow-run.Pending",
        actions: ["cancel-flow-run"],
      },
    ]);
    const full = await harness.call(getAutomationsTool, { automation: "stuck", detail: "full" });
    expect(full.structured.automations[0]).toMatchObject({ ...stuck });
    expect(
      (await harness.call(getAutomationsTool, { filter: { tags: { is_null_: true } } })).structured.automations,
    ).toMatchObject([{ id: stuck.id }]);
  });

  test("reads the whole list from Prefect and saves it", async () => {
    await using harness = await openToolHarness();
    harness.fake.workspace.automations.push(stuck, rerun);
    const answer = await harness.call(getAutomationsTool, {});
    expect(answer.structured).toMatchObject({ source: "live", automations: [{ id: rerun.id }, { id: stuck.id }] });
    expect(harness.fake.takeRequests()).toEqual(["POST /automations/filter"]);
    expect(harness.saved).toMatchObject([{ kind: "automation", isWhole: true }]);
  });

  test("fails on fields that Prefect does not filter by, and when Prefect is unreachable", async () => {
    await using harness = await openToolHarness();
    const wrong = await harness.call(getAutomationsTool, { filter: { name: { like_: "x" } } });
    expect(wrong.structured.hint).toBe("Valid fields of filter.name: any_.");
    const enabled = await harness.call(getAutomationsTool, { filter: { enabled: { eq_: true } } });
    expect(enabled.structured.hint).toBe("Valid fields of AutomationFilter: operator, id, name, created, tags.");
    await harness.fake.down();
    expect((await harness.call(getAutomationsTool, {})).structured).toMatchObject({ code: "unavailable" });
  });
});
