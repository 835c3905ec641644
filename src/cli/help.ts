import { VERSION } from "../app/version.ts";
import { nearest } from "../tools/definition/suggestions.ts";
import { COMMANDS } from "./arguments/parse.ts";
import type { CommandContext } from "./command.ts";

const OVERVIEW = `prefect-mcp-bun ${VERSION}: an MCP server for Prefect that keeps a local record of a workspace and answers from it.

Usage: prefect-mcp-bun [command] [flags]

  serve                       MCP over stdin and stdout; what an MCP client starts (default)
  serve --http                MCP over HTTP at /mcp for a team  [--host HOST] [--port PORT]
  sync                        fill the record and keep following  [--once] [--since 7d]
  status                      what is held, how far, who syncs  [--json]
  audit                       compare the record with Prefect  [--since 7d] [--deep] [--json]
  doctor                      check settings, connection and files  [--json]
  forget                      remove recorded data  [--instance URL] [--before TIME] [--yes] [--json]
  tools                       names of all tools  [--json]
  call TOOL                   one tool call  [--args JSON] [--json]
  demo                        try it on a recorded workspace, no Prefect needed  [--stdio]

Flags of every command:
  --profile NAME              Prefect profile (else PREFECT_PROFILE, else the active one)
  --api-url URL               Prefect API (else PREFECT_API_URL, else the profile's)
  --data-dir FOLDER           where the records are (else PREFECT_MCP_DATA_DIR)
  --tools PRESET              which tools are offered: core, default or all
  --log-level LEVEL           debug, info, warn, error or silent; the log goes to stderr
  --help, --version

Times: 2026-01-31T09:00:00Z, or a span back from now such as 90m, 24h, 7d.
Exit codes: 0 done, 1 failed or something to fix, 2 wrong command line.`;

const DETAILS: Readonly<Record<string, string>> = {
  serve: `serve: MCP over stdin and stdout. Add it to a client as the command \`bunx prefect-mcp-bun\`.
It keeps the record in step with Prefect while it runs; of several processes on one record exactly one syncs.
serve --http [--host HOST] [--port PORT]: MCP at /mcp, beside it /healthz, /readyz and /metrics.`,
  sync: `sync [--since 7d] [--once]: fills the record: events, runs, task runs, deployments, pools, queues, limits, flows,
automations and the logs of failed runs. It goes on where it was interrupted. With --once it ends when caught up (exit 0).`,
  status: `status [--json]: instance, file, size, events, covered ranges and gaps, lag, who syncs, requests spent, last error.
It reads the record only; Prefect is not asked.`,
  audit: `audit [--since 7d] [--deep] [--json]: counts what Prefect holds and what the record holds, fetches what is missing and
prints a certificate. Exit 0 when nothing is left unexplained, 1 otherwise. On an empty record it says so and begins it.`,
  doctor: `doctor [--json]: every setting and where it came from (secrets masked), and whether the API, the websocket, the clock and
the files are in order. Exit 0 when all is well, 1 when there is something to fix; each finding says how.`,
  forget: `forget [--instance URL] [--before TIME] [--yes] [--json]: removes what is recorded of an instance (by default that of the
settings), or only what is older than TIME, and gives the space back. It asks first unless --yes. Files that were moved aside
as damaged go with the whole; they cannot be read, so --before leaves them.`,
  tools: "tools [--json]: names and titles of all tools, and whether they are offered with the settings as they are.",
  call: `call TOOL [--args JSON] [--json]: one call through the same code as over MCP. Text for people, JSON for programs.
Example: prefect-mcp-bun call get_flow_runs --args '{"state": "FAILED", "limit": 5}'. Exit 1 when the tool answers an error.
A tool in PREFECT_MCP_TOOLS_DENY is refused. The docs tools ask another host only with PREFECT_MCP_DOCS=on or --tools all.`,
  demo: `demo: serves a recorded workspace in this process, syncs it and walks through questions and answers.
demo --stdio: MCP on that workspace, in which something happens every few seconds.`,
};

export async function runHelp({ invocation, out }: CommandContext): Promise<number> {
  const [topic] = invocation.words;
  if (topic === undefined || topic === "help") {
    out.line(OVERVIEW);
    return 0;
  }
  const detail = DETAILS[topic];
  if (detail) out.line(detail);
  else {
    const near = nearest(topic, COMMANDS);
    out.note(`prefect-mcp-bun: there is no command "${topic}"${near ? `; did you mean "${near}"?` : "."}`);
  }
  return detail ? 0 : 2;
}
