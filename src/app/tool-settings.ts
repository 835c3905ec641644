import type { SettingProblem, Settings } from "../config/settings.ts";
import { allTools, PRESETS } from "../tools/index.ts";

/** Unknown presets and tools in the settings. `config/` cannot find them, because it does not know the tools. */
export function toolProblems({ tools }: Pick<Settings, "tools">): SettingProblem[] {
  const { preset, allow, deny } = tools;
  const names = new Set(allTools.map((tool) => tool.name));
  const presets = Object.keys(PRESETS);
  const unknown = (setting: string, given: readonly string[]) =>
    given
      .filter((name) => !names.has(name))
      .map((name) =>
        problem(setting, `${setting} names no tool "${name}".`, "`prefect-mcp-bun tools` lists the names."),
      );
  return [
    ...(presets.includes(preset)
      ? []
      : [
          problem(
            "PREFECT_MCP_TOOLS",
            `PREFECT_MCP_TOOLS names no preset "${preset}"; presets: ${presets.join(", ")}.`,
            "Correct PREFECT_MCP_TOOLS; until then its default applies.",
          ),
        ]),
    ...unknown("PREFECT_MCP_TOOLS_ALLOW", allow),
    ...unknown("PREFECT_MCP_TOOLS_DENY", deny),
  ];
}

function problem(where: string, message: string, fix: string): SettingProblem {
  return { level: "warning", where, message, fix };
}
