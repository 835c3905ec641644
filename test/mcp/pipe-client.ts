/** A client and the server on two pipes in this process, in either era. */
import { Client } from "@modelcontextprotocol/client";
import { systemClock } from "../../src/lib/clock.ts";
import { LineTransport } from "../../src/mcp/stdio/line-transport.ts";
import { serveOverStdio } from "../../src/mcp/stdio/stdio.ts";
import { makePipe } from "./stdio/pipe.ts";

export type Era = "legacy" | "modern";
export const ERAS: readonly Era[] = ["legacy", "modern"];

export async function connectClient(tenant: Parameters<typeof serveOverStdio>[0], era: Era, capabilities: object = {}) {
  const [toServer, toClient] = [makePipe(), makePipe()];
  const stop = new AbortController();
  let text = "";
  const write = (more: string) => {
    text += more;
    return toClient.write(more);
  };
  const streams = { input: toServer.readable, write };
  const served = serveOverStdio(tenant, { clock: systemClock, signal: stop.signal, streams });
  const client = new Client(
    { name: "test", version: "1" },
    { capabilities, versionNegotiation: { mode: era === "modern" ? { pin: "2026-07-28" } : "legacy" } },
  );
  const never = new AbortController();
  await client.connect(
    new LineTransport(
      { input: toClient.readable, write: toServer.write },
      { clock: systemClock, signal: never.signal },
    ),
  );
  return {
    client,
    /** The text that the server wrote. */
    answers: () =>
      text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { result?: Record<string, unknown> }),
    async [Symbol.asyncDispose]() {
      await client.close();
      stop.abort();
      await served;
    },
  };
}
