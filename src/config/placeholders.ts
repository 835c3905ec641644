/**
 * Clients start this program with variables and flags from a template. One that does not know a value passes the template's own text,
 * such as `${user_config.api_key}` (MCP bundles: https://github.com/modelcontextprotocol/mcpb/blob/main/MANIFEST.md) or `${env:KEY}` and
 * `${input:key}` (https://code.visualstudio.com/docs/copilot/reference/mcp-configuration). Templates of prompts and workflows have `{{key}}`.
 */
import { asPlace, own, sentence } from "../lib/shown-text.ts";
import type { SettingProblem } from "./settings.ts";

/** The whole text is a placeholder, or contains one of those that only clients write. */
const PLACEHOLDER = /^\s*\$\{[^{}]*\}\s*$|^\s*\{\{[^{}]*\}\}\s*$|\$\{(?:user_config\.|env:|input:)[^{}]*\}/;

export function isPlaceholder(text: string): boolean {
  return PLACEHOLDER.test(text);
}

/** What a form of a client sends for a field that the user left empty. */
export function isBlank(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(isBlank);
  return (
    value === null ||
    value === undefined ||
    (typeof value === "string" && (value.trim() === "" || isPlaceholder(value)))
  );
}

type Texts = Readonly<Record<string, string>>;

interface Filtered {
  readonly texts: Texts;
  readonly problems: readonly SettingProblem[];
}

/** The texts without those that are placeholders: such a value is unknown, so it counts as not given. */
export function withoutPlaceholders(texts: Texts, where: (name: string) => string): Filtered {
  const [unfilled, given] = [[] as string[], [] as [string, string][]];
  for (const [name, text] of Object.entries(texts)) {
    if (isPlaceholder(text)) unfilled.push(name);
    else given.push([name, text]);
  }
  return {
    texts: Object.fromEntries(given),
    problems: unfilled.filter(isOurs).map((name) => ({
      level: "warning",
      message: sentence`${asPlace(where(name))} is a placeholder that the client did not replace; it counts as not set.`,
      where: where(name),
      fix: own("Give it a value in the client's configuration, or remove it there."),
    })),
  };
}

/** The environment contains variables of other programs, which may hold such texts on purpose. Flags are lower case. */
function isOurs(name: string): boolean {
  return /^(PREFECT_|[a-z-]+$)/.test(name) && !/_proxy$/.test(name);
}
