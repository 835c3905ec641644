import { asNames, quote, sentence } from "../lib/shown-text.ts";
import { nearest } from "../tools/definition/suggestions.ts";
import { COMMANDS, isCommand } from "./arguments/commands.ts";
import { findTool } from "./arguments/find-tool.ts";
import { commandHelp, overview } from "./arguments/help-text.ts";
import { toolHelp } from "./arguments/tool-help.ts";
import type { CommandContext } from "./command.ts";

/** `help`, `help COMMAND`, `help call TOOL` and `--help`. */
export async function runHelp({ invocation, out }: CommandContext): Promise<number> {
  const [topic] = invocation.words;
  if (topic === undefined || topic === "help") {
    out.lines(overview(out.columns));
    return 0;
  }
  const [, toolName] = invocation.words;
  if (topic === "call" && toolName !== undefined) {
    out.lines(toolHelp(findTool(toolName), out.columns));
    return 0;
  }
  if (isCommand(topic)) {
    out.lines(commandHelp(topic, out.columns));
    return 0;
  }
  const near = nearest(topic, COMMANDS);
  out.note(
    sentence`prefect-mcp-bun: there is no command ${quote(topic)}${near ? sentence`; did you mean ${quote(near)}?` : sentence`. Commands: ${asNames(COMMANDS)}.`}`,
  );
  return 2;
}
