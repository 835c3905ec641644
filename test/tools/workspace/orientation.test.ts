import { describe, expect, test } from "bun:test";
import { INSTRUCTIONS } from "../../../src/tools/definition/instructions.ts";
import { orientationTool } from "../../../src/tools/workspace/orientation.ts";
import { openToolHarness } from "../../support/tool-harness.ts";

describe("orientation", () => {
  test("explains the server briefly, without a request", async () => {
    await using harness = await openToolHarness({ record: false });
    const { structured, text, tokens } = await harness.call(orientationTool);
    expect(text).toBe(INSTRUCTIONS);
    expect(structured.text).toBe(INSTRUCTIONS);
    expect(tokens.text).toBeLessThanOrEqual(250);
    expect(INSTRUCTIONS.length).toBeLessThanOrEqual(2_000);
    expect(harness.fake.takeRequests()).toEqual([]);
  });

  test("answers while Prefect is unreachable", async () => {
    await using harness = await openToolHarness();
    await harness.fake.down();
    expect((await harness.call(orientationTool)).isError).toBe(false);
  });

  test("refuses arguments", async () => {
    await using harness = await openToolHarness();
    const { structured } = await harness.call(orientationTool, { topic: "logs" });
    expect(structured).toMatchObject({ code: "invalid_input", hint: "Valid arguments of orientation: workspace." });
  });
});
