import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { callTool } from "../../src/mcp/guard.ts";
import type { Tenant } from "../../src/mcp/tenant.ts";
import { answerText } from "../../src/tools/answer/fenced.ts";
import { defineTool, type ToolDefinition } from "../../src/tools/definition/define-tool.ts";
import { type FakeTenant, fakeTenant } from "./fake-tenant.ts";

function call(tenant: Tenant, tool: ToolDefinition) {
  return callTool(tenant, tool, {}, { signal: new AbortController().signal, progress() {} });
}

function crashTool(tenant: FakeTenant): ToolDefinition {
  const tool = tenant.tools().find(({ name }) => name === "crash");
  if (!tool) throw new Error("no such tool");
  return tool;
}

const internalErrors = ({ log }: FakeTenant) => log.filter((line) => line.includes("internal error"));

describe("a tool call", () => {
  test("that fails because its tenant was closed is not an internal error", async () => {
    const ending = new AbortController();
    const tenant = Object.assign(fakeTenant(), { ended: ending.signal });
    const crash = crashTool(tenant);
    expect((await call(tenant, crash)).structuredContent).toMatchObject({ code: "internal" });
    expect(internalErrors(tenant)).toHaveLength(1);
    ending.abort();
    expect((await call(tenant, crash)).structuredContent).toMatchObject({
      code: "unavailable",
      message: "This tenant was just closed.",
    });
    expect(internalErrors(tenant)).toHaveLength(1);
  });

  test("that fails unexpectedly while its arguments are read is logged under the reference in its hint", async () => {
    const tenant = fakeTenant();
    const plain = defineTool({
      name: "broken",
      title: "Broken",
      description: "Its schema throws.",
      input: z.strictObject({}),
      output: z.looseObject({}),
      run: () => Promise.resolve({ structured: {}, text: answerText([]) }),
    });
    const input = plain.input.transform(() => {
      throw new TypeError("no schema");
    }) as unknown as z.ZodObject;
    const broken = { ...plain, input };
    const { code, hint } = (await call(tenant, broken)).structuredContent as { code: string; hint: string };
    expect(code).toBe("internal");
    const [line = "{}"] = internalErrors(tenant);
    const logged = JSON.parse(line) as { where: string; error: string; reference: string };
    expect(logged).toMatchObject({ where: "broken" });
    expect(hint).toContain(logged.reference);
  });
});
