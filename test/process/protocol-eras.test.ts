import { afterAll, describe, expect, test } from "bun:test";
import { Client as ModernClient } from "@modelcontextprotocol/client";
import { StdioClientTransport as ModernTransport } from "@modelcontextprotocol/client/stdio";
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { systemClock } from "../../src/lib/clock.ts";
import { formatIsoUs, SECOND_US } from "../../src/lib/time.ts";
import { anEvent } from "../support/builders.ts";
import { startFakePrefect } from "../support/fake-prefect/fake-prefect.ts";
import { type Form, makePlace } from "./program.ts";

const place = makePlace();
const prefect = await startFakePrefect();
const nowUs = Math.floor(systemClock.nowUs());
const ago = (seconds: number) => formatIsoUs(nowUs - seconds * SECOND_US);
const events = [
  anEvent({ event: "shop.order.placed", occurred: ago(121) }),
  anEvent({ event: "shop.order.returned", occurred: ago(120) }),
];
prefect.emit(events);

afterAll(async () => {
  await prefect.stop();
  place[Symbol.dispose]();
});

interface Connected extends AsyncDisposable {
  readonly version: string | undefined;
  readonly name: string | undefined;
  listTools(): Promise<{ tools: { name: string; outputSchema?: unknown; annotations?: unknown }[] }>;
  callTool(request: { name: string; arguments: Record<string, unknown> }): Promise<Record<string, unknown>>;
}

async function parameters(form: Form) {
  const [command = "", ...args] = await place.command(form);
  return { command, args, cwd: place.dir, env: place.env({ PREFECT_API_URL: prefect.url }), stderr: "ignore" as const };
}

/** The SDK that clients of the 2025 revisions are built on. */
async function connectOld(form: Form): Promise<Connected> {
  const client = new OldClient({ name: "old", version: "1" });
  await client.connect(new OldTransport(await parameters(form)));
  return {
    version: "2025-11-25",
    name: client.getServerVersion()?.name,
    listTools: () => client.listTools(),
    callTool: (request) => client.callTool(request) as Promise<Record<string, unknown>>,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function connectModern(form: Form): Promise<Connected> {
  const client = new ModernClient(
    { name: "modern", version: "1" },
    { versionNegotiation: { mode: { pin: "2026-07-28" } } },
  );
  await client.connect(new ModernTransport(await parameters(form)));
  return {
    version: client.getNegotiatedProtocolVersion(),
    name: client.getServerVersion()?.name,
    listTools: () => client.listTools(),
    callTool: (request) => client.callTool(request) as Promise<Record<string, unknown>>,
    [Symbol.asyncDispose]: () => client.close(),
  };
}

describe.each([
  ["2025-11-25", connectOld],
  ["2026-07-28", connectModern],
] as const)("a client of revision %s", (revision, connect) => {
  test.each<Form>(["source", "bundle", "compiled"])(
    "lists tools and reads events from another folder (%s)",
    async (form) => {
      await using client = await connect(form);
      expect([client.version, client.name]).toEqual([revision, "prefect-mcp-bun"]);
      const { tools } = await client.listTools();
      expect(tools.map((tool) => tool.name)).toContain("read_events");
      expect(tools.filter((tool) => !tool.outputSchema || !tool.annotations)).toEqual([]);
      const answer = await client.callTool({
        name: "read_events",
        arguments: { event_type_prefix: "shop.", occurred_after: ago(180), occurred_before: ago(60) },
      });
      const { structuredContent } = answer as {
        structuredContent: { events: { id: string }[]; coverage: { complete: boolean } };
      };
      expect(structuredContent.events.map((event) => event.id)).toEqual(events.map((event) => event.id).reverse());
      expect(structuredContent.coverage.complete).toBe(true);
    },
  );

  test("gets errors as text and structured content", async () => {
    await using client = await connect("source");
    const answer = await client.callTool({ name: "read_events", arguments: { event_type: "x" } });
    expect(answer.isError).toBe(true);
    expect(answer.structuredContent).toMatchObject({ code: "invalid_input", retryable: false });
  });
});
