import { describe, expect, test } from "bun:test";
import { getObjectSchemaTool } from "../../../src/tools/objects/get-object-schema.ts";
import { OBJECT_SCHEMAS } from "../../../src/tools/objects/object-schemas.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

describe("get_object_schema", () => {
  test("returns schema, rules and example of an automation in fewer tokens than the official server", async () => {
    await using harness = await openToolHarness({ record: false });
    const { structured, text, tokens } = await harness.call(getObjectSchemaTool, { object_type: "automation" });
    expect(structured.schema.required).toEqual(["name", "trigger", "actions"]);
    expect(structured.schema.$defs.EventTrigger.properties.posture.enum).toEqual(["Reactive", "Proactive"]);
    expect(structured.rules.join(" ")).toContain("expect [prefect.flow-run.Running, prefect.flow-run.Crashed]");
    expect(text).toContain('"run-deployment"');
    expect(tokens.text).toBeLessThanOrEqual(2_500);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test.each(Object.keys(OBJECT_SCHEMAS))("returns %s within the token budget", async (object_type) => {
    await using harness = await openToolHarness({ record: false });
    const { structured, tokens } = await harness.call(getObjectSchemaTool, { object_type });
    expect(structured.schema.type).toBe("object");
    expect(Object.keys(structured.schema.properties).length).toBeGreaterThan(0);
    expect(Math.max(tokens.text, tokens.structured)).toBeLessThanOrEqual(2_500);
  });

  test("accepts names of tools, and returns every field of their filters", async () => {
    await using harness = await openToolHarness({ record: false });
    const fields = async (object_type: string) =>
      Object.keys((await harness.call(getObjectSchemaTool, { object_type })).structured.schema.properties);
    expect(await fields("read_events")).toEqual([
      "occurred",
      "event",
      "resource",
      "related",
      "any_resource",
      "id",
      "text",
      "order",
    ]);
    expect(await fields("get_flow_runs")).toContain("parent_flow_run_id");
    expect(await fields("work-pools")).toEqual(["operator", "id", "name", "type"]);
  });

  test("fails on an unknown type with the known ones", async () => {
    await using harness = await openToolHarness({ record: false });
    const { isError, structured } = await harness.call(getObjectSchemaTool, { object_type: "automatons" });
    expect(isError).toBe(true);
    expect(structured).toMatchObject({
      code: "invalid_input",
      message: 'no schema of "automatons"; did you mean "automation"?',
      hint: expect.stringContaining("deployment_schedule"),
    });
  });
});
