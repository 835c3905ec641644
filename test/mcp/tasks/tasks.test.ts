/** Confirmed changes as tasks, as the official clients of both eras drive them: over HTTP, with two callers. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { createTaskSessionFromClient, type JsonRpcResponse } from "@modelcontextprotocol/ext-tasks/client";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as OldHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { z } from "zod";
import { sentence } from "../../../src/lib/shown-text.ts";
import { answerText } from "../../../src/tools/answer/fenced.ts";
import { defineTool } from "../../../src/tools/definition/define-tool.ts";
import { fakeApp, parse, post, postModern, startHttp } from "../http/http-harness.ts";

const TOKENS = ["caller-one-0123456789abcdef", "caller-two-0123456789abcdef"] as const;
const EXTENSION = "io.modelcontextprotocol/tasks";

/** How the change that is running ends. */
let finish: () => void;
let begun: PromiseWithResolvers<void>;
beforeEach(() => {
  begun = Promise.withResolvers();
  finish = () => undefined;
});

const slow = defineTool({
  name: "change_slowly",
  title: "Change slowly",
  description: "Changes something that takes long.",
  input: z.strictObject({ quick: z.boolean().optional(), confirm: z.string().optional() }),
  output: z.looseObject({}),
  isActing: true,
  async run({ signal, progress }, { quick, confirm }) {
    if (confirm === undefined)
      return { structured: { preview: { count: 1 } }, text: answerText([sentence`Preview, nothing was sent.`]) };
    const ended = Promise.withResolvers<"seen" | "cancelled">();
    finish = () => ended.resolve("seen");
    signal.addEventListener("abort", () => ended.resolve("cancelled"));
    progress(1, 2, sentence`waiting: Running`);
    begun.resolve();
    if (quick) finish();
    const how = await ended.promise;
    const outcome = confirm === "unsent" ? "not_sent" : "done";
    return {
      structured: { results: [{ outcome }], how },
      text: answerText([sentence`change_slowly: ${outcome === "done" ? 1 : 0} of 1 request done.`]),
    };
  },
});
const other = defineTool({
  name: "read_quickly",
  title: "Read",
  description: "Reads.",
  input: z.strictObject({}),
  output: z.looseObject({}),
  run: async () => ({ structured: { read: true }, text: answerText([sentence`read`]) }),
});

const http = startHttp({
  http: { tokens: [...TOKENS] },
  openOwn: () => {
    const app = fakeApp();
    app.setTools([slow, other]);
    return app;
  },
});
const { url } = http.server;
afterAll(() => http[Symbol.asyncDispose]());
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** An answer of JSON-RPC. */
interface Answer {
  readonly error?: Extract<JsonRpcResponse, { kind: "error" }>["error"];
  readonly result: Extract<JsonRpcResponse, { kind: "result" }>["result"];
}

/** A session of ext-tasks, with the requests of the 2026 era sent as the package wants its host to. */
async function session(era: "legacy" | "modern", token: string = TOKENS[0]) {
  const headers = bearer(token);
  const client = new Client(
    { name: "tasks", version: "1" },
    { versionNegotiation: { mode: era === "modern" ? { pin: "2026-07-28" } : "legacy" } },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  const raw = {
    rawDispatch: async (request: unknown) => {
      const { method, params } = request as { method: string; params: Record<string, unknown> };
      const sent = await post(
        url,
        { jsonrpc: "2.0", id: 1, method, params },
        {
          headers: {
            ...headers,
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": method,
            "mcp-name": String(params.name ?? params.taskId),
          },
        },
      );
      const answer = parse(await sent.text()) as Answer;
      return answer.error
        ? { kind: "error" as const, error: answer.error }
        : { kind: "result" as const, result: answer.result };
    },
    v2RequestFraming: {
      protocolVersion: "2026-07-28",
      clientInfo: { name: "tasks", version: "1" },
      clientCapabilities: {},
    },
  };
  const made = createTaskSessionFromClient(client, { endpointId: "test", ...(era === "modern" ? raw : {}) });
  return {
    client,
    tasks: made,
    async [Symbol.asyncDispose]() {
      await made.close();
      await client.close();
    },
  };
}

const ERAS = ["legacy", "modern"] as const;
const CONFIRMED = { confirm: "token" };

describe.each(ERAS)("a client of the %s era", (era) => {
  const start = (made: Awaited<ReturnType<typeof session>>, args: Record<string, string | boolean> = CONFIRMED) =>
    made.tasks.callTool("change_slowly", args, {
      declaration: { name: "change_slowly", inputSchema: { type: "object" }, taskSupport: "optional" },
      task: { preference: "prefer" },
    });

  test("gets the result of a long change from its task", async () => {
    await using made = await session(era);
    const execution = await start(made);
    expect(execution.kind).toBe("task");
    await begun.promise;
    const id = execution.handle?.taskId as never;
    const seen = await made.tasks.task(id).snapshot();
    expect(seen).toMatchObject({ status: "working", statusMessage: "waiting: Running", ttl: 3_600_000 });
    finish();
    const { outcome } = await execution.settle();
    expect(outcome).toMatchObject({
      status: "completed",
      result: { structuredContent: { how: "seen", results: [{ outcome: "done" }] } },
    });
    // The result is there until the time to live has passed.
    expect(await made.tasks.task(id).snapshot()).toMatchObject({
      status: "completed",
      statusMessage: "change_slowly: 1 of 1 request done.",
    });
  });

  test("can cancel it; the task says what was sent", async () => {
    await using made = await session(era);
    const execution = await start(made);
    await begun.promise;
    const controller = made.tasks.task(execution.handle?.taskId as never);
    await controller.cancel();
    // A change that was sent in part is completed where a cancelled task has no result.
    const seen = await controller.snapshot();
    expect(seen.status).toBe(era === "modern" ? "completed" : "cancelled");
    expect(seen.statusMessage).toBe("change_slowly: 1 of 1 request done.");
  });

  test("whose task was cancelled before anything was sent sees it as cancelled", async () => {
    await using made = await session(era);
    const execution = await start(made, { confirm: "unsent" });
    await begun.promise;
    const controller = made.tasks.task(execution.handle?.taskId as never);
    await controller.cancel();
    expect(await controller.snapshot()).toMatchObject({ status: "cancelled" });
  });

  test("cannot reach a task of another caller of the same tenant", async () => {
    await using made = await session(era);
    await using stranger = await session(era, TOKENS[1]);
    const execution = await start(made);
    await begun.promise;
    const id = execution.handle?.taskId as never;
    const theirs = stranger.tasks.task(id);
    for (const attempt of [() => theirs.snapshot(), () => theirs.cancel()])
      await expect(attempt()).rejects.toThrow("There is no such task of this caller");
    expect(await made.tasks.task(id).snapshot()).toMatchObject({ status: "working" });
    finish();
    expect((await execution.settle()).outcome.status).toBe("completed");
  });
});

test("a change that ends soon is answered at once where the server decides", async () => {
  await using made = await session("modern");
  const execution = await made.tasks.callTool("change_slowly", { ...CONFIRMED, quick: true });
  expect(execution.kind).toBe("immediate");
  expect((await execution.settle()).outcome).toMatchObject({ result: { structuredContent: { how: "seen" } } });
});

test("a preview is no task where the server decides", async () => {
  await using made = await session("modern");
  expect((await made.tasks.callTool("change_slowly", {})).kind).toBe("immediate");
});

test("a client without the extension gets no task, and may not ask for one", async () => {
  const headers = bearer(TOKENS[0]);
  const called = postModern(url, "tools/call", { name: "change_slowly", arguments: CONFIRMED }, { headers });
  await begun.promise;
  finish();
  const answer = parse(await (await called).text()) as Answer;
  expect(answer.result).toMatchObject({ resultType: "complete", structuredContent: { how: "seen" } });
  for (const method of ["tasks/get", "tasks/cancel", "tasks/update"]) {
    const id = "0".repeat(32);
    const asked = await postModern(url, method, { taskId: id }, { headers: { ...headers, "mcp-name": id } });
    expect(parse(await asked.text())).toMatchObject({
      error: { code: -32_021, data: { requiredCapabilities: { extensions: { [EXTENSION]: {} } } } },
    });
  }
});

test("the client of the first SDK streams the states of a task and its result", async () => {
  const client = new OldClient({ name: "old", version: "1" }, { capabilities: {} });
  const requestInit = { headers: bearer(TOKENS[0]) };
  await client.connect(new OldHttp(new URL(url), { requestInit }) as never);
  const { tools } = await client.listTools();
  expect(tools.map(({ name, execution }) => [name, execution?.taskSupport])).toEqual([
    ["change_slowly", "optional"],
    ["read_quickly", undefined],
  ]);
  const seen: string[] = [];
  const stream = client.experimental.tasks.callToolStream({ name: "change_slowly", arguments: CONFIRMED }, undefined, {
    task: { ttl: 1_000 },
  });
  for await (const message of stream) {
    seen.push(message.type);
    if (message.type === "taskCreated") {
      // Shorter than the longest change takes: it is made longer.
      expect(message.task).toMatchObject({ status: "working", ttl: 900_000 });
      await begun.promise;
      finish();
    }
    if (message.type === "error") throw message.error;
    if (message.type === "result") {
      const { _meta, structuredContent } = message.result as Record<string, object>;
      expect(structuredContent).toMatchObject({ how: "seen" });
      expect(_meta).toMatchObject({ "io.modelcontextprotocol/related-task": { taskId: expect.any(String) } });
    }
  }
  expect(seen[0]).toBe("taskCreated");
  expect(seen.at(-1)).toBe("result");
  await client.close();
});
