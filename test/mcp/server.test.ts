import { describe, expect, test } from "bun:test";
import { AppError } from "../../src/errors.ts";
import { type FakeTenant, fakeTenant } from "./fake-tenant.ts";
import { connectClient, ERAS, type Era } from "./pipe-client.ts";

const connect = (tenant: FakeTenant, era: Era) => connectClient(tenant, era);

describe.each(ERAS)("the server in the %s era", (era) => {
  test("names itself and its purpose", async () => {
    await using wired = await connect(fakeTenant(), era);
    expect(wired.client.getServerVersion()).toEqual({
      name: "prefect-mcp-bun",
      title: "Prefect (local record)",
      version: "9.9.9",
    });
    expect(wired.client.getServerCapabilities()).toEqual({
      tools: { listChanged: true },
      resources: { listChanged: true, subscribe: false },
      prompts: { listChanged: false },
      completions: {},
      extensions: { "io.modelcontextprotocol/skills": {}, "io.modelcontextprotocol/ui": {} },
    });
    const instructions = wired.client.getInstructions() ?? "";
    expect(instructions).toMatch(/^[^\n]*one Prefect workspace/);
    expect(instructions.length).toBeLessThanOrEqual(2000);
  });

  test("lists tools with schemas and annotations, without a request to Prefect", async () => {
    const tenant = fakeTenant();
    tenant.problem = new AppError("invalid_config", "the profile is broken");
    await using wired = await connect(tenant, era);
    const { tools } = await wired.client.listTools();
    expect(tools.map((tool) => tool.name)).toEqual(["echo", "instance", "count_up", "wait", "not_found", "crash"]);
    expect(tools[0]).toEqual({
      name: "echo",
      title: "A test tool",
      description: "Does one thing.",
      inputSchema: {
        type: "object",
        properties: {
          text: { type: "string" },
          times: { type: "integer", minimum: 1, maximum: 100_000 },
          filter: { type: "object" },
          workspace: { type: "string" },
        },
        required: ["text"],
        additionalProperties: false,
      },
      outputSchema: { type: "object", properties: {} },
      annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    });
  });

  test("states how long its lists may be cached and by whom, in the era that has this", async () => {
    await using wired = await connect(fakeTenant(), era);
    const { client, answers } = wired;
    const lists = [client.listTools(), client.listResources(), client.listResourceTemplates(), client.listPrompts()];
    await Promise.all(lists);
    const found = ["tools", "resources", "resourceTemplates", "prompts"].map((key) => {
      const { result } = answers().find((answer) => answer.result?.[key] !== undefined) ?? {};
      return [key, result?.ttlMs, result?.cacheScope];
    });
    const hints = (...hint: unknown[]) => (era === "modern" ? hint : [undefined, undefined]);
    expect(found).toEqual([
      ["tools", ...hints(300_000, "private")],
      ["resources", ...hints(300_000, "private")],
      ["resourceTemplates", ...hints(300_000, "private")],
      ["prompts", ...hints(3_600_000, "public")],
    ]);
  });

  test("answers a call with text and structured content", async () => {
    await using wired = await connect(fakeTenant(), era);
    const result = await wired.client.callTool({ name: "echo", arguments: { text: "ab", times: 2 } });
    expect(result.content).toEqual([{ type: "text", text: '{"text":"abab"}' }]);
    expect(result.structuredContent).toEqual({ text: "abab" });
    expect(result.isError).toBeUndefined();
  });

  test("answers an error with its code, hint and whether to try again", async () => {
    await using wired = await connect(fakeTenant(), era);
    const result = await wired.client.callTool({ name: "not_found", arguments: {} });
    expect(result.isError).toBe(true);
    expect(result.structuredContent).toEqual({
      code: "not_found",
      message: "there is no run abc",
      hint: "get_flow_runs lists them",
      retryable: false,
    });
  });

  test("writes the text of an unexpected error to the log only", async () => {
    const tenant = fakeTenant();
    await using wired = await connect(tenant, era);
    const result = await wired.client.callTool({ name: "crash", arguments: {} });
    const { code, message, hint } = result.structuredContent as Record<string, string>;
    expect([code, message]).toEqual(["internal", "An internal error happened; it is not caused by the arguments."]);
    expect(JSON.stringify(result)).not.toContain("secret.path");
    const reference = /reference (\w+)/.exec(hint ?? "")?.[1] ?? "none";
    const line = JSON.parse(tenant.log.find((text) => text.includes(reference)) ?? "{}");
    expect(line).toMatchObject({
      level: "error",
      where: "crash",
      error: "undefined is not an object (evaluating 'secret.path')",
    });
  });

  test("answers every call with what is wrong with the settings, until they are corrected", async () => {
    const tenant = fakeTenant();
    tenant.problem = new AppError("invalid_config", "The profile is broken.", { hint: "Correct it." });
    await using wired = await connect(tenant, era);
    const broken = await wired.client.callTool({ name: "instance", arguments: {} });
    expect(broken.structuredContent).toEqual({
      code: "invalid_config",
      message: "The profile is broken.",
      hint: "Correct it.",
      retryable: false,
    });
    tenant.problem = null;
    const corrected = await wired.client.callTool({ name: "instance", arguments: {} });
    expect(corrected.structuredContent).toEqual({ instance: "http://127.0.0.1:4200/api" });
  });

  test("suggests the nearest tool for an unknown name", async () => {
    await using wired = await connect(fakeTenant(), era);
    await expect(wired.client.callTool({ name: "ecko", arguments: {} })).rejects.toThrow(
      /Unknown tool "ecko"; did you mean "echo"\?/,
    );
    await expect(wired.client.callTool({ name: "e".repeat(300_000), arguments: {} })).rejects.toThrow(
      /Unknown tool "e{100}"\. Tools:/,
    );
  });

  test("reports progress", async () => {
    await using wired = await connect(fakeTenant(), era);
    const notices: unknown[] = [];
    await wired.client.callTool(
      { name: "count_up", arguments: {} },
      { onprogress: (notice) => void notices.push(notice) },
    );
    expect(notices).toEqual([1, 2, 3].map((done) => ({ progress: done, total: 3, message: `step ${done}` })));
  });

  test("stops a call that the client cancels", async () => {
    const tenant = fakeTenant();
    await using wired = await connect(tenant, era);
    const giveUp = new AbortController();
    const waiting = wired.client.callTool({ name: "wait", arguments: {} }, { signal: giveUp.signal });
    waiting.catch(() => {});
    await wired.client.callTool({ name: "echo", arguments: { text: "a" } });
    giveUp.abort("enough");
    await expect(waiting).rejects.toThrow();
    await wired.client.callTool({ name: "echo", arguments: { text: "b" } });
    expect(tenant.seen.aborted).toBe(1);
  });

  test("answers many large calls at once, each with its own result", async () => {
    await using wired = await connect(fakeTenant(), era);
    const texts = Array.from({ length: 40 }, (_, index) => `${index}-`);
    const results = await Promise.all(
      texts.map((text) => wired.client.callTool({ name: "echo", arguments: { text, times: 20_000 } })),
    );
    expect(results.map((result) => (result.structuredContent as { text: string }).text.slice(0, 3))).toEqual(
      texts.map((text) => text.repeat(3).slice(0, 3)),
    );
  });
});

test("a 2025-era client is notified when the list of tools has changed", async () => {
  const tenant = fakeTenant();
  await using wired = await connect(tenant, "legacy");
  const { promise, resolve } = Promise.withResolvers<void>();
  wired.client.setNotificationHandler("notifications/tools/list_changed", () => resolve());
  tenant.setTools(tenant.tools().slice(0, 1));
  await promise;
  expect((await wired.client.listTools()).tools.map((tool) => tool.name)).toEqual(["echo"]);
});
