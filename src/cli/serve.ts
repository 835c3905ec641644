import { VERSION } from "../app/version.ts";
import { openWorkspaces } from "../app/workspaces/open-workspaces.ts";
import { systemClock } from "../lib/clock.ts";
import { createLogger } from "../lib/logger.ts";
import { oneLine } from "../lib/shown-text.ts";
import { writeStderr } from "../lib/stderr.ts";
import { serveOverStdio } from "../mcp/stdio/stdio.ts";
import { chosenSettings } from "./arguments/chosen-settings.ts";
import type { CommandContext } from "./command.ts";
import { isTty } from "./terminal/is-tty.ts";
import type { Output } from "./terminal/output.ts";

/** The sync Worker starts this long after the first call of a tool is answered, so that it does not slow down the first answers. */
const FOLLOW_AFTER_CALL_MS = 50;
/** Without a call it starts this long after the first message. */
const FOLLOW_AFTER_MESSAGE_MS = 1000;
/** Without a message it starts after this time. */
const FOLLOW_ANYWAY_MS = 2000;

const GREETING = [
  `prefect-mcp-bun ${VERSION} is an MCP server for Prefect: an AI client starts it and talks to it over stdin and stdout.`,
  "Claude Code:    claude mcp add prefect -- bunx prefect-mcp-bun",
  'Other clients:  {"mcpServers": {"prefect": {"command": "bunx", "args": ["prefect-mcp-bun"]}}}',
  "Try it:         prefect-mcp-bun demo (no Prefect needed), or prefect-mcp-bun call get_dashboard",
  "Help:           prefect-mcp-bun doctor checks the settings, prefect-mcp-bun --help lists all commands",
];

export async function runServe(ctx: CommandContext): Promise<number> {
  if (ctx.invocation.switches.has("http")) return (await import("./serve-http.ts")).runServeHttp(ctx);
  if (isTty(0)) {
    greet(ctx.out);
    return 0;
  }
  const settings = await chosenSettings(ctx);
  const logger = createLogger(settings.current().settings.logLevel, writeStderr);
  await using app = openWorkspaces({ settings, entry: ctx.entry, version: VERSION, clock: systemClock, logger });
  const { signal } = ctx;
  const followAfter = (ms: number) => void systemClock.sleep(ms, signal).then(() => signal.aborted || app.follow());
  followAfter(FOLLOW_ANYWAY_MS);
  await serveOverStdio(app, {
    clock: systemClock,
    signal,
    onFirstMessage: () => followAfter(FOLLOW_AFTER_MESSAGE_MS),
    onFirstCallAnswered: () => followAfter(FOLLOW_AFTER_CALL_MS),
  });
  return 0;
}

/** On stdout only if it is a terminal: else a program may read it as MCP. */
function greet(out: Output): void {
  for (const line of GREETING) (out.isTerminal ? out.line : out.note)(oneLine(line));
}
