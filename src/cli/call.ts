import { openApp } from "../app.ts";
import { settingsFromFiles } from "../app-settings.ts";
import { VERSION } from "../app-version.ts";
import { AppError } from "../errors.ts";
import { systemClock } from "../lib/clock.ts";
import { callTool } from "../mcp/guard.ts";
import type { CallResult } from "../tools/define.ts";
import { allTools } from "../tools/index.ts";
import { nearest } from "../tools/nearest.ts";
import type { CommandContext } from "./command.ts";

/** Live answers are still stored when the command ends; nothing waits for that longer than this. */
const STOP_WITHIN_MS = 5000;

/** One tool call through the code that serves MCP. Every tool may be called here, offered or not. */
export async function runCall(ctx: CommandContext): Promise<number> {
  const { invocation, out, logger, signal } = ctx;
  const [name = ""] = invocation.words;
  const tool = allTools.find((candidate) => candidate.name === name);
  if (!tool) throw unknownTool(name);
  const settings = settingsFromFiles(invocation.settings, systemClock);
  await using app = openApp({
    settings,
    entry: ctx.entry,
    version: VERSION,
    clock: systemClock,
    logger,
    stopWithinMs: STOP_WITHIN_MS,
  });
  const isJson = invocation.switches.has("json");
  const progress = (done: number, total: number | null, message: string) => {
    if (!isJson && out.isTerminal) out.note(`${message} (${done}${total === null ? "" : ` of ${total}`})`);
  };
  const result = await callTool(app, tool, invocation.values.args, { signal, progress });
  if (isJson) out.json(result.structuredContent);
  else out.line(textOf(result));
  return result.isError ? 1 : 0;
}

function textOf({ content }: CallResult): string {
  return content.map((block) => block.text).join("\n");
}

function unknownTool(name: string): AppError {
  const names = allTools.map((tool) => tool.name);
  const near = nearest(name, names);
  return new AppError("invalid_input", `There is no tool "${name}"${near ? `; did you mean "${near}"?` : "."}`, {
    hint: `Tools: ${names.join(", ")}.`,
  });
}
