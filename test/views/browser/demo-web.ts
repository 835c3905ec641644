/** `web` as a process, over the demo's recorded workspace. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startReplayServer } from "../../../src/demo/replay-server.ts";
import { callsOfView, type View, type ViewCall } from "../../../src/views/calls.ts";
import type { AnsweredCall } from "../../../src/views/page.ts";
import { bareEnv, MAIN } from "../../support/process/product.ts";
import { readLines } from "../../support/process/read-lines.ts";
import { waitUntil } from "../../support/time/wait-until.ts";

export interface DemoWeb extends AsyncDisposable {
  readonly origin: string;
  readonly token: string;
  /** A flow run that failed in a task. */
  readonly flowRun: string;
  address(view: View, args?: object, token?: string): string;
  /** `text` is what an assistant reads. */
  call(call: ViewCall): Promise<{ readonly structured: AnsweredCall["structured"]; readonly text: string }>;
  answers(view: View): Promise<AnsweredCall[]>;
  /** From then on nothing answers at the API's address. */
  stopPrefect(): Promise<void>;
}

const META = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
};

export async function startDemoWeb(): Promise<DemoWeb> {
  const folder = mkdtempSync(join(tmpdir(), "prefect-mcp-browser-"));
  const prefect = await startReplayServer();
  const child = Bun.spawn([process.execPath, MAIN, "web", "--no-open"], {
    env: bareEnv({ HOME: folder, PREFECT_API_URL: prefect.url, PREFECT_MCP_DATA_DIR: join(folder, "data") }),
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines: string[] = [];
  void readLines(child.stdout, (line) => void lines.push(line));
  const first = await waitUntil("the address", () => lines[0]);
  const { origin, hash } = new URL(first);
  const token = new URLSearchParams(hash.slice(1)).get("token") ?? "";

  const call: DemoWeb["call"] = async ({ tool, args }) => {
    const response = await fetch(new URL("/mcp", origin), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": tool,
        authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: tool, arguments: args, _meta: META },
      }),
    });
    const text = await response.text();
    const { result } = JSON.parse([...text.matchAll(/^data: (.+)$/gm)].at(-1)?.[1] ?? text);
    return { structured: result.structuredContent, text: result.content[0].text };
  };
  // The first sync is over when the dashboard is whole.
  const dashboard = await waitUntil(
    "the record",
    () => call({ tool: "get_dashboard", args: {} }),
    ({ structured }) => structured.source === "record" && Object(structured.coverage).complete === true,
  );
  const problems = Object(dashboard.structured).problems;
  const flowRun: string = problems[0].flow_run_id;
  const argsOf = (view: View) => (view === "run" ? { flow_run: flowRun } : {});
  return {
    origin,
    token,
    flowRun,
    address: (view, args = argsOf(view), own = token) =>
      `${origin}/web#${new URLSearchParams({ token: own, view, args: JSON.stringify(args) })}`,
    call,
    async answers(view) {
      const answered: AnsweredCall[] = [];
      for (const one of callsOfView(view, argsOf(view)))
        answered.push({ ...one, structured: (await call(one)).structured });
      return answered;
    },
    stopPrefect: () => prefect.stop(),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.exited;
      await prefect.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
