/** The argument that names the workspace of a call. */

import { isBlank } from "../../config/placeholders.ts";
import { isJsonNumber, isJsonObject, parseJson } from "../../lib/exact-json.ts";

/** The name that stands for every workspace. */
export const ALL_WORKSPACES = "all";

export interface WorkspaceCall {
  readonly name: string;
  /** The arguments without it. */
  readonly args: Readonly<Record<string, unknown>>;
}

/** `workspace`, and `workspace_id` of the official server, in any spelling that the other arguments may have. */
const NAMES: ReadonlySet<string> = new Set(["workspace", "workspaceid"]);
const [SHORTEST, LONGEST] = ["workspace".length, "workspace_id".length];

/**
 * The workspace that the arguments name; null where they name none. Of two different names the one of `workspace` is left in the
 * arguments, which are refused then, and so is a value that is no text.
 */
export function workspaceCallOf(given: unknown): WorkspaceCall | null {
  const args = typeof given === "string" && /workspace/i.test(given) ? objectIn(given) : given;
  if (!isJsonObject(args)) return null;
  let found = null as WorkspaceCall | null;
  for (const key in args) {
    if (key.length < SHORTEST || key.length > LONGEST) continue;
    if (!NAMES.has(key.toLowerCase().replace(/[-_]/g, ""))) continue;
    const value = args[key];
    if (isBlank(value) || (typeof value !== "string" && !isJsonNumber(value))) continue;
    const name = String(value).trim();
    if (found !== null && found.name !== name) continue;
    const { [key]: _, ...rest } = found?.args ?? args;
    found = { name, args: rest };
  }
  return found;
}

/** Text that is not JSON is left to the reading of the arguments, which says so. */
function objectIn(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}
