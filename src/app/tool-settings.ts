import type { Settings } from "../config/settings.ts";
import { allTools, PRESETS } from "../tools/index.ts";

/** Sentences about unknown presets and tools in the settings. */
export function toolProblems({ tools }: Pick<Settings, "tools">): string[] {
  const { preset, allow, deny } = tools;
  const names = new Set(allTools.map((tool) => tool.name));
  const presets = Object.keys(PRESETS);
  return [
    ...(presets.includes(preset)
      ? []
      : [`PREFECT_MCP_TOOLS names no preset "${preset}"; presets: ${presets.join(", ")}.`]),
    ...[...allow, ...deny]
      .filter((name) => !names.has(name))
      .map((name) => `There is no tool "${name}" to allow or deny.`),
  ];
}
