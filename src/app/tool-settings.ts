import type { SettingProblem, Settings } from "../config/settings.ts";
import { asNames, own, quote, type Sentence, sentence } from "../lib/shown-text.ts";
import { ACTING_TOOL_NAMES, readPermissions, VERBS } from "../model/verbs.ts";
import { allTools, PRESETS } from "../tools/index.ts";

/** Unknown presets and tools in the settings. `config/` cannot find them, because it does not know the tools. */
export function toolProblems({
  tools,
  writes = [],
}: Pick<Settings, "tools"> & Partial<Pick<Settings, "writes">>): SettingProblem[] {
  const { preset, allow, deny } = tools;
  const names = new Set([...allTools.map((tool) => tool.name), ...ACTING_TOOL_NAMES]);
  const presets = Object.keys(PRESETS);
  const unknown = (setting: `PREFECT_MCP_TOOLS_${"ALLOW" | "DENY"}`, given: readonly string[]) =>
    given
      .filter((name) => !names.has(name))
      .map((name) =>
        problem(
          setting,
          sentence`${setting} names no tool ${quote(name)}.`,
          own("`prefect-mcp-bun tools` lists the names."),
        ),
      );
  return [
    ...(presets.includes(preset)
      ? []
      : [
          problem(
            "PREFECT_MCP_TOOLS",
            sentence`PREFECT_MCP_TOOLS names no preset ${quote(preset)}; presets: ${asNames(presets)}.`,
            own("Correct PREFECT_MCP_TOOLS; until then its default applies."),
          ),
        ]),
    ...readPermissions(writes).unknown.map((word) =>
      problem(
        "PREFECT_MCP_WRITES",
        sentence`PREFECT_MCP_WRITES names no change ${quote(word)}; it allows nothing.`,
        sentence`Give off, all, or a list of: ${asNames([...new Set(Object.values(VERBS).flat()), ...ACTING_TOOL_NAMES])}.`,
      ),
    ),
    ...unknown("PREFECT_MCP_TOOLS_ALLOW", allow),
    ...unknown("PREFECT_MCP_TOOLS_DENY", deny),
  ];
}

function problem(where: string, message: Sentence, fix: Sentence): SettingProblem {
  return { level: "warning", where, message, fix };
}
