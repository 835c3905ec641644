import { describe, expect, test } from "bun:test";
import { z } from "zod";
import { AppError } from "../../../src/errors.ts";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import type { ResourceWatch } from "../../../src/mcp/resource-watch.ts";
import { serveOverStdio } from "../../../src/mcp/stdio/stdio.ts";
import { answerText } from "../../../src/tools/answer/fenced.ts";
import { defineTool } from "../../../src/tools/definition/define-tool.ts";
import { waitUntil } from "../../support/time/wait-until.ts";
import { fakeTenant } from "../fake-tenant.ts";
import { makePipe } from "./pipe.ts";

const INITIALIZE = {
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};
const call = (id: number, name: string, args = {}) => ({ id, method: "tools/call", params: { name, arguments: args } });

const modern = (id: number | string, method: string, params = {}) => ({
  id,
  method,
  params: {
    ...params,
    _meta: {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
      "io.modelcontextprotocol/clientCapabilities": {},
    },
  },
});
const listen = (id: number | string, ...uris: unknown[]) =>
  modern(id, "subscriptions/listen", { notifications: { resourceSubscriptions: uris } });

const DASHBOARD = "prefect://dashboard";
const EVENTS = "prefect://events";

interface Answer {
  readonly id?: number | string | null;
  readonly method?: string;
  readonly params?: {
    readonly uri?: string;
    readonly notifications?: unknown;
    readonly _meta?: Record<string, unknown>;
  };
  readonly result?: { readonly structuredContent?: unknown };
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** A watch whose resources the test changes. */
function fakeWatch(most = Number.POSITIVE_INFINITY) {
  const listeners = new Map<string, Set<() => void>>();
  const watch: ResourceWatch = {
    get size() {
      return listeners.size;
    },
    add(uri, notify) {
      if (listeners.size >= most && !listeners.has(uri)) throw new AppError("rate_limited", "Too many.");
      const own = listeners.get(uri) ?? new Set();
      listeners.set(uri, own.add(notify));
      return () => {
        own.delete(notify);
        if (own.size === 0) listeners.delete(uri);
      };
    },
  };
  return {
    watch,
    change: (uri: string) => {
      for (const notify of listeners.get(uri) ?? []) notify();
    },
  };
}

/** A client that writes and reads lines. */
function start(watch?: ResourceWatch, clock: Clock = systemClock) {
  const tenant = Object.assign(fakeTenant(), watch ? { watch } : {});
  const stdin = makePipe();
  const stop = new AbortController();
  let firsts = 0;
  const atFirstCall: string[] = [];
  let text = "";
  let isBroken = false;
  let gate = Promise.resolve();
  const served = serveOverStdio(tenant, {
    clock,
    signal: stop.signal,
    streams: {
      input: stdin.readable,
      write: async (more) => {
        if (isBroken) throw new Error("EPIPE");
        await gate;
        text += more;
      },
    },
    onFirstMessage: () => {
      firsts += 1;
    },
    onFirstCallAnswered: () => void atFirstCall.push(text),
  });
  return {
    tenant,
    stdin,
    breakStdout: () => {
      isBroken = true;
    },
    /** The client stops reading until the returned function is called. */
    stopReading: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return resolve;
    },
    stop,
    served,
    send: (...messages: object[]) => {
      for (const message of messages)
        stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`).catch(() => {});
    },
    text: () => text,
    answers: () =>
      text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Answer),
    async answerTo(id: number | string) {
      const found = () => this.answers().find((answer) => answer.id === id);
      return await waitUntil("an answer", found, (answer) => answer !== undefined);
    },
    firsts: () => firsts,
    /** What was written when the first call was answered, each time this was reported. */
    atFirstCall,
  };
}

describe("MCP over stdio", () => {
  test("answers the requests that came before stdin ended, then ends", async () => {
    const wired = start();
    wired.send(INITIALIZE, call(2, "echo", { text: "a" }), call(3, "echo", { text: "b" }));
    await wired.stdin.end();
    await wired.served;
    expect(wired.answers().map((answer) => answer.id)).toEqual([1, 2, 3]);
    expect(wired.answers()[2]?.result?.structuredContent).toEqual({ text: "b" });
  });

  test("waits only briefly when stdin has ended, and aborts running calls", async () => {
    const slept: number[] = [];
    const sleep = async (ms: number) => void slept.push(ms);
    const wired = start(undefined, { ...systemClock, sleep });
    wired.send(INITIALIZE, call(2, "wait"));
    await waitUntil("the call is running", () => wired.tenant.seen.begun === 1);
    await wired.stdin.end();
    await wired.served;
    expect(slept).toEqual([300]);
    await waitUntil("the call is aborted", () => wired.tenant.seen.aborted === 1);
  });

  test("ends when its signal aborts", async () => {
    const wired = start();
    wired.send(INITIALIZE);
    wired.stop.abort();
    await wired.served;
  });

  test("ends when stdout is closed", async () => {
    const wired = start();
    wired.breakStdout();
    wired.send(INITIALIZE);
    await wired.served;
  });

  test("reports the first message once", async () => {
    const wired = start();
    expect(wired.firsts()).toBe(0);
    wired.send(INITIALIZE, call(2, "echo", { text: "a" }));
    await wired.stdin.end();
    await wired.served;
    expect(wired.firsts()).toBe(1);
  });

  test("reports once that the first call is answered, after it is written: of its own answers and of the SDK's", async () => {
    for (const params of [{}, { other: 1 }]) {
      const wired = start();
      const first = call(2, "echo", { text: "first" });
      wired.send(INITIALIZE);
      await wired.answerTo(INITIALIZE.id);
      expect(wired.atFirstCall).toEqual([]);
      wired.send({ ...first, params: { ...first.params, ...params } }, call(3, "echo", { text: "second" }));
      await wired.stdin.end();
      await wired.served;
      expect(wired.atFirstCall).toEqual([expect.stringContaining("first")]);
    }
  });

  test("continues after invalid lines, and accepts messages in parts and several at once", async () => {
    const wired = start();
    await wired.stdin.write("hello\n{]\n\n");
    const text = [INITIALIZE, call(2, "echo", { text: "ä日本" })]
      .map((m) => JSON.stringify({ jsonrpc: "2.0", ...m }))
      .join("\r\n");
    const bytes = Buffer.from(`${text}\n`);
    for (let at = 0; at < bytes.length; at += 7) await wired.stdin.write(bytes.subarray(at, at + 7));
    await wired.stdin.end();
    await wired.served;
    expect(wired.answers().at(-1)?.result?.structuredContent).toEqual({ text: "ä日本" });
  });

  test("ends on a message beyond 10 MB, answers earlier ones, and logs the reason", async () => {
    const wired = start();
    wired.send(INITIALIZE, call(2, "echo", { text: "a" }));
    wired.stdin.write("x".repeat(11 * 1024 * 1024)).catch(() => {});
    await wired.served;
    expect(wired.answers().map(({ id }) => id)).toEqual([1, 2]);
    const errors = wired.tenant.log.map((line) => JSON.parse(line)).filter(({ level }) => level === "error");
    expect(errors).toEqual([
      {
        time: expect.any(String),
        level: "error",
        message: "stdin is not read any further",
        error: "A message is longer than 10485760 bytes, so the start of the next one is unknown.",
      },
    ]);
  });

  test("stops reading requests while a client leaves too many bytes of answers unread", async () => {
    const wired = start();
    let calls = 0;
    const large = defineTool({
      name: "large",
      title: "A test tool",
      description: "Answers with two megabytes.",
      input: z.strictObject({}),
      output: z.looseObject({}),
      run: async () => {
        calls += 1;
        return { structured: { text: "x".repeat(2_000_000) }, text: answerText([]) };
      },
    });
    wired.tenant.setTools([large]);
    wired.send(INITIALIZE);
    await wired.answerTo(1);
    const read = wired.stopReading();
    const most = 200;
    for (let n = 0; n < most; n += 1) wired.send(call(n + 10, "large"));
    // Client and server are in this process: when twenty turns of its event loop make no further call, stdin is not read any more.
    let before = -1;
    let turns = 0;
    await waitUntil("the server no longer reads", () => {
      turns = calls === before && calls >= 20 ? turns + 1 : 0;
      before = calls;
      return turns >= 20;
    });
    expect(calls).toBeLessThan(60);
    read();
    await waitUntil("the other calls", () => calls === most);
    await wired.stdin.end();
    await wired.served;
  });

  test("keeps every digit of the numbers in arguments and answers, and ids of any form", async () => {
    const wired = start();
    wired.send(INITIALIZE);
    const params = '{"name":"echo","arguments":{"text":"a","times":1.0,"filter":{"n":[9223372036854775807,1.0,-0.0]}}}';
    await wired.stdin.write(`{"jsonrpc":"2.0","id":2.0,"method":"tools/call","params":${params}}\n`);
    await wired.stdin.end();
    await wired.served;
    expect(wired.text()).toContain('"structuredContent":{"text":"a","filter":{"n":[9223372036854775807,1.0,-0.0]}}');
    expect(wired.text()).toContain('{\\"n\\":[9223372036854775807,1.0,-0.0]}');
    expect(wired.answers().map(({ id }) => id)).toEqual([1, 2]);
  });

  test("accepts a byte order mark before the first line", async () => {
    const wired = start();
    await wired.stdin.write("\uFEFF");
    wired.send(INITIALIZE);
    await wired.stdin.end();
    await wired.served;
    expect(wired.answers().map(({ id }) => id)).toEqual([1]);
  });

  test("accepts null for absent fields, and arguments as JSON text", async () => {
    const wired = start();
    wired.send(
      INITIALIZE,
      { id: 2, method: "tools/list", params: null },
      { id: 3, method: "tools/list", params: { cursor: null, _meta: null } },
      {
        id: 4,
        method: "tools/call",
        params: { name: "echo", arguments: '{"text":"a"}', _meta: { progressToken: null } },
      },
      { id: 5, method: "tools/call", params: { name: "instance", arguments: null } },
    );
    await wired.stdin.end();
    await wired.served;
    const answers = wired.answers();
    expect(answers.map(({ id, error }) => [id, error])).toEqual([1, 2, 3, 4, 5].map((id) => [id, undefined]));
    expect(answers[3]?.result?.structuredContent).toEqual({ text: "a" });
  });
});

describe("JSON over stdio that is not a valid message", () => {
  const refused = (id: unknown, fault: string) => ({
    jsonrpc: "2.0",
    id,
    error: { code: -32600, message: `Invalid request: ${fault}` },
  });

  test("is answered with its id, and a batch without one", async () => {
    const wired = start();
    await wired.stdin.write(`{"jsonrpc":"2.0","id":4,"method":"ping","meta":{}}\n{"id":"five","method":"ping"}\n`);
    await wired.stdin.write(`{"jsonrpc":"2.0","id":{},"method":"ping"}\n[{"jsonrpc":"2.0","id":6,"method":"ping"}]\n`);
    await wired.stdin.end();
    await wired.served;
    expect(wired.answers() as unknown[]).toEqual([
      refused(4, "a request has no members beside jsonrpc, id, method and params."),
      refused("five", 'jsonrpc must be "2.0".'),
      refused(null, "id must be a string or an integer."),
      refused(null, "batches are not supported; send one message per line."),
    ]);
    expect(wired.firsts()).toBe(0);
  });

  test("a request with invalid parameters gets the code for that", async () => {
    const wired = start();
    wired.send(INITIALIZE, { id: 2, method: "resources/read", params: {} });
    await wired.stdin.end();
    await wired.served;
    const error = { code: -32602, message: "Invalid params: params.uri must be a string." };
    expect(wired.answers().find(({ id }) => id === 2)).toEqual({ jsonrpc: "2.0", id: 2, error } as never);
  });

  test("that is nested too deep is answered with its id, and the next request is served", async () => {
    const wired = start();
    const deep = (id: number) =>
      JSON.stringify({ jsonrpc: "2.0", ...call(id, "echo", { text: "here" }) }).replace(
        '"here"',
        '{"a":'.repeat(40_000) + 1 + "}".repeat(40_000),
      );
    wired.send(INITIALIZE);
    await wired.stdin.write(
      `${deep(2)}\n[${deep(3)}]\n{"jsonrpc":"2.0","id":9,"result":${"[".repeat(200)}${"]".repeat(200)}}\n`,
    );
    wired.send(call(4, "echo", { text: "still here" }));
    await wired.answerTo(4);
    await wired.stdin.end();
    await wired.served;
    const fault = "Invalid request: the message is nested deeper than 100 levels.";
    const errors = wired.answers().filter(({ error }) => error);
    expect(errors.map(({ id, error }) => [id, error?.message])).toEqual([
      [2, fault],
      [null, fault],
    ]);
    expect(wired.answers().find(({ id }) => id === 4)?.result?.structuredContent).toEqual({ text: "still here" });
  });

  test("with the words that Python writes for numbers is answered with its id", async () => {
    const wired = start();
    wired.send(INITIALIZE);
    for (const [id, word] of [
      [2, "NaN"],
      [3, "-Infinity"],
    ])
      await wired.stdin.write(
        `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"text":[1, ${word}]}}}\n`,
      );
    await wired.stdin.end();
    await wired.served;
    const message = "Invalid request: the message has NaN or Infinity, which JSON does not have.";
    expect(wired.answers().flatMap(({ id, error }) => (error ? [[id, error.message]] : []))).toEqual([
      [2, message],
      [3, message],
    ]);
  });

  test("is only logged when no answer is expected; so are lines that are not JSON, without their text", async () => {
    const wired = start();
    const lines = [
      "a secret",
      '{"jsonrpc":"1.0","method":"secret"}',
      '{"jsonrpc":"2.0","id":7,"result":"secret"}',
      "5",
    ];
    await wired.stdin.write(`${lines.join("\n")}\n`);
    await wired.stdin.end();
    await wired.served;
    expect(wired.answers()).toEqual([]);
    const logged = wired.tenant.log.map((line) => JSON.parse(line));
    expect(logged.map(({ level, message, error }) => [level, message, error])).toEqual([
      ["debug", "protocol", "a line of 8 characters is not JSON"],
      ["debug", "protocol", "a line of 35 characters is not a message"],
      ["debug", "protocol", "a line of 42 characters is not a message"],
      ["debug", "protocol", "a line of 1 characters is not a message"],
    ]);
  });
});

describe("subscriptions of the 2026 era over stdio", () => {
  const updates = (answers: readonly Answer[]) =>
    answers
      .filter(({ method }) => method === "notifications/resources/updated")
      .map(({ params }) => [params?._meta?.["io.modelcontextprotocol/subscriptionId"], params?.uri]);
  const acknowledgements = (answers: readonly Answer[]) =>
    answers
      .filter(({ method }) => method === "notifications/subscriptions/acknowledged")
      .map(({ params }) => [params?._meta?.["io.modelcontextprotocol/subscriptionId"], params?.notifications]);
  /** When this is answered, everything sent before has been processed. */
  const settle = async (wired: ReturnType<typeof start>, id: number) => {
    wired.send(modern(id, "tools/list"));
    await wired.answerTo(id);
  };

  test("that name the same resource are notified once each, until the last of them ends", async () => {
    const { watch, change } = fakeWatch();
    const wired = start(watch);
    wired.send(listen("a", DASHBOARD), listen("b", DASHBOARD, EVENTS));
    await settle(wired, 1);
    change(DASHBOARD);
    change(EVENTS);
    await settle(wired, 2);
    expect(updates(wired.answers())).toEqual([
      ["a", DASHBOARD],
      ["b", DASHBOARD],
      ["b", EVENTS],
    ]);
    wired.send({ method: "notifications/cancelled", params: { requestId: "b" } });
    await settle(wired, 3);
    expect(watch.size).toBe(1);
    change(DASHBOARD);
    await settle(wired, 4);
    expect(updates(wired.answers()).slice(3)).toEqual([["a", DASHBOARD]]);
    wired.send({ method: "notifications/cancelled", params: { requestId: "a" } });
    await settle(wired, 5);
    expect(watch.size).toBe(0);
    wired.send(listen("c", DASHBOARD));
    await settle(wired, 6);
    expect(watch.size).toBe(1);
    await wired.stdin.end();
    await wired.served;
    expect(watch.size).toBe(0);
  });

  test("watch nothing when they are refused, or cancelled before they are acknowledged", async () => {
    const { watch } = fakeWatch();
    const wired = start(watch);
    wired.send(listen("a", DASHBOARD, 5), listen("b", DASHBOARD), {
      method: "notifications/cancelled",
      params: { requestId: "b" },
    });
    await settle(wired, 1);
    expect((await wired.answerTo("a"))?.error?.code).toBe(-32602);
    expect(watch.size).toBe(0);
    wired.stop.abort();
    await wired.served;
  });

  test("do not exist on a connection of the 2025 era", async () => {
    const { watch } = fakeWatch();
    const wired = start(watch);
    const params = { notifications: { resourceSubscriptions: [DASHBOARD] } };
    wired.send(INITIALIZE, { id: "a", method: "subscriptions/listen", params });
    expect((await wired.answerTo("a"))?.error?.code).toBe(-32601);
    expect(watch.size).toBe(0);
    wired.stop.abort();
    await wired.served;
  });

  test("are acknowledged for existing resources, each once and at most 200", async () => {
    const { watch } = fakeWatch();
    const wired = start(watch);
    const many = Array.from({ length: 201 }, (_, n) => `prefect://events/shop.${n}`);
    wired.send(listen("a", "prefect://nope", DASHBOARD, "http://other", DASHBOARD, `${EVENTS}/${"x".repeat(500)}`));
    wired.send(listen("b", "prefect://nope"), listen("c", ...many));
    await settle(wired, 1);
    expect(acknowledgements(wired.answers())).toEqual([
      ["a", { resourceSubscriptions: [DASHBOARD] }],
      ["b", {}],
      ["c", { resourceSubscriptions: many.slice(0, 200) }],
    ]);
    expect(watch.size).toBe(201);
    wired.stop.abort();
    await wired.served;
  });

  test("are not acknowledged for resources beyond the limit of watched ones", async () => {
    const { watch } = fakeWatch(1);
    const wired = start(watch);
    wired.send(listen("a", DASHBOARD, EVENTS), listen("b", EVENTS));
    await settle(wired, 1);
    expect(acknowledgements(wired.answers())).toEqual([
      ["a", { resourceSubscriptions: [DASHBOARD] }],
      ["b", {}],
    ]);
    wired.stop.abort();
    await wired.served;
  });
});
