import { asNames, quote, sentence } from "../../lib/shown-text.ts";
import type { ToolDefinition } from "../../tools/definition/define-tool.ts";
import { nearest } from "../../tools/definition/suggestions.ts";
import { everyTool, toolNamed } from "../../tools/index.ts";
import { UsageError } from "./usage-error.ts";

/** The tool of this name. Throws UsageError that names one that is near, and all. */
export function findTool(name: string): ToolDefinition {
  const tools = everyTool();
  const tool = toolNamed(tools, name);
  if (tool) return tool;
  const names = tools.map((one) => one.name);
  const near = nearest(name, names);
  throw new UsageError(
    sentence`There is no tool ${quote(name)}${near ? sentence`; did you mean ${quote(near)}?` : "."}`,
    sentence`Tools: ${asNames(names)}.`,
  );
}
