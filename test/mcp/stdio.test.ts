import { describe, expect, test } from "bun:test";
import { systemClock } from "../../src/lib/clock.ts";
import { serveOverStdio } from "../../src/mcp/stdio.ts";
import { fakeTenant } from "./fake-tenant.ts";
import { makePipe } from "./pipe.ts";

const INITIALIZE = {
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};
const call = (id: number, name: string, args = {}) => ({ id, method: "tools/call", params: { name, arguments: args } });

/** What a client that writes lines and reads lines sees. */
function start() {
  const tenant = fakeTenant();
  const stdin = makePipe();
  const stop = new AbortController();
  let firsts = 0;
  let text = "";
  let isBroken = false;
  const served = serveOverStdio(tenant, {
    clock: systemClock,
    signal: stop.signal,
    streams: {
      input: stdin.readable,
      write: async (more) => {
        if (isBroken) throw new Error("EPIPE");
        text += more;
      },
    },
    onFirstMessage: () => {
      firsts += 1;
    },
  });
  return {
    tenant,
    stdin,
    breakStdout: () => {
      isBroken = true;
    },
    stop,
    served,
    send: (...messages: object[]) => {
      for (const message of messages)
        stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`).catch(() => {});
    },
    answers: () =>
      text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as { id: number; result?: { structuredContent?: unknown } }),
    firsts: () => firsts,
  };
}

describe("MCP over stdio", () => {
  test("answers what was asked before stdin ended, then ends", async () => {
    const wired = start();
    wired.send(INITIALIZE, call(2, "echo", { text: "a" }), call(3, "echo", { text: "b" }));
    await wired.stdin.end();
    await wired.served;
    expect(wired.answers().map((answer) => answer.id)).toEqual([1, 2, 3]);
    expect(wired.answers()[2]?.result?.structuredContent).toEqual({ text: "b" });
  });

  test("does not wait for long when stdin has ended, and aborts what still runs", async () => {
    const wired = start();
    wired.send(INITIALIZE, call(2, "wait"));
    const begunMs = systemClock.nowMs();
    await wired.stdin.end();
    await wired.served;
    await systemClock.sleep(1);
    expect(systemClock.nowMs() - begunMs).toBeLessThan(900);
    expect(wired.tenant.seen.aborted).toBe(1);
  });

  test("ends when its signal aborts", async () => {
    const wired = start();
    wired.send(INITIALIZE);
    wired.stop.abort();
    await wired.served;
  });

  test("ends when stdout breaks", async () => {
    const wired = start();
    wired.breakStdout();
    wired.send(INITIALIZE);
    await wired.served;
  });

  test("says once that the first message has come", async () => {
    const wired = start();
    expect(wired.firsts()).toBe(0);
    wired.send(INITIALIZE, call(2, "echo", { text: "a" }));
    await wired.stdin.end();
    await wired.served;
    expect(wired.firsts()).toBe(1);
  });

  test("goes on after lines that are no messages, and takes messages in pieces and in heaps", async () => {
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

  test("ends on a message beyond 10 MB instead of keeping it", async () => {
    const wired = start();
    wired.stdin.write("x".repeat(11 * 1024 * 1024)).catch(() => {});
    await wired.served;
    expect(wired.answers()).toEqual([]);
  });
});
