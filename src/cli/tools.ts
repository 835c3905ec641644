import { toolProblems } from "../app/tool-settings.ts";
import { sentence } from "../lib/shown-text.ts";
import { everyTool, reasonNotOffered } from "../tools/index.ts";
import { chosenSettings } from "./arguments/chosen-settings.ts";
import type { CommandContext } from "./command.ts";
import { table } from "./terminal/table.ts";

export async function runTools(ctx: CommandContext): Promise<number> {
  const { invocation, out } = ctx;
  const { settings } = (await chosenSettings(ctx)).current();
  for (const { message, fix } of toolProblems(settings)) out.note(sentence`warning: ${message} ${fix}`);
  const tools = everyTool().map((tool) => ({ tool, reason: reasonNotOffered(tool, settings) }));
  if (invocation.switches.has("json")) {
    out.json({
      tools: tools.map(({ tool: { name, title, description }, reason }) => ({
        name,
        title,
        offered: reason === null,
        description,
      })),
    });
  } else {
    const rows = tools.map(({ tool, reason }) => [
      tool.name,
      tool.title,
      reason === null ? "" : `not offered: ${reason}`,
    ]);
    out.lines(table(rows));
  }
  return 0;
}
