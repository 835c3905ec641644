import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { toolListing } from "../../../src/tools/definition/listing.ts";
import { echoTool } from "./echo-tool.ts";

describe("a tool in tools/list", () => {
  test("has optional members without null alternatives", () => {
    const { inputSchema, outputSchema } = toolListing(echoTool);
    expect(inputSchema).toEqual({
      type: "object",
      properties: {
        flow_run: { type: "string" },
        since: { type: "string" },
        active: { type: "boolean" },
        filter: { type: "object" },
        order: { type: "string", enum: ["asc", "desc"] },
        limit: { type: "integer", minimum: 1, maximum: 200 },
        cursor: { type: "string" },
        fresh: { type: "boolean" },
        detail: { type: "string", enum: ["brief", "full"] },
        fields: { type: "array", items: { type: "string" } },
        workspace: { type: "string" },
      },
      additionalProperties: false,
    });
    expect(outputSchema).toEqual({
      type: "object",
      properties: {
        echoes: { type: "array", items: { type: "object" } },
        source: { type: "string" },
        as_of: { type: "string" },
        coverage: { type: "object" },
        next_cursor: { type: "string" },
      },
    });
    expect(toolListing({ ...echoTool, input: z.strictObject({}) }).inputSchema).toEqual({
      type: "object",
      properties: {},
      additionalProperties: false,
    });
  });
});
