import { describe, expect, test } from "bun:test";
import { allTools } from "../../src/tools/index.ts";
import { callsOfView, FIRST_TOOL, VIEWS, viewOfTool } from "../../src/views/calls.ts";

const FLOW_RUN = "b4c1e8d2-4a0e-4a58-8c0e-6c4f1a2b3c4d";

describe("the calls of a view", () => {
  test.each(VIEWS)("of %s begin with its own tool, and every tool takes their arguments", (view) => {
    const calls = callsOfView(view, view === "run" ? { flow_run: FLOW_RUN } : {});
    expect(calls[0]?.tool).toBe(FIRST_TOOL[view]);
    for (const { tool, args } of calls) {
      const definition = allTools.find(({ name }) => name === tool);
      expect(definition?.input.safeParse(args).error?.issues ?? []).toEqual([]);
    }
  });

  test("a view is found by its tool; most tools have none", () => {
    expect(VIEWS.map((view) => viewOfTool(FIRST_TOOL[view]))).toEqual([...VIEWS]);
    expect(viewOfTool("get_identity")).toBeNull();
  });
});
