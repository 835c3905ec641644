import { settingsFromFiles } from "../app/settings-source.ts";
import { systemClock } from "../lib/clock.ts";
import { allTools, offeredTools } from "../tools/index.ts";
import type { CommandContext } from "./command.ts";
import { table } from "./terminal/table.ts";

export async function runTools({ invocation, out }: CommandContext): Promise<number> {
  const { settings } = settingsFromFiles(invocation.settings, systemClock).current();
  const offered = new Set(offeredTools(settings).map((tool) => tool.name));
  const rows = allTools.map(({ name, title, description }) => ({
    name,
    title,
    offered: offered.has(name),
    description,
  }));
  if (invocation.switches.has("json")) out.json({ tools: rows });
  else {
    const shown = rows.map((row) => [row.name, row.title, row.offered ? "" : "not offered with these settings"]);
    for (const line of table(shown)) out.line(line);
  }
  return 0;
}
