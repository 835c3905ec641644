/** A resource is a URI for one call of a tool, or for a text that is part of the program. */
import type { Line } from "../lib/shown-text.ts";
import type { QueryContext } from "../queries/source/context.ts";

export interface ToolCall {
  readonly tool: string;
  readonly args: Readonly<Record<string, unknown>>;
}

interface Named {
  readonly name: string;
  readonly title: string;
  readonly description: string;
}

/** One fixed URI. */
export interface ResourceDefinition extends Named {
  readonly uri: string;
  readonly mimeType: string;
  /** The call, or the text. */
  readonly content: ToolCall | { readonly text: string };
}

/** A family of URIs, `prefect://flow-runs/{flow_run}`. */
export interface ResourceTemplate extends Named {
  readonly uriTemplate: string;
  readonly mimeType: string;
  /** Variables by name, decoded. */
  toolCall(values: Readonly<Record<string, string>>): ToolCall;
  /** Values of a variable that begin with `begin`, at most 100. They come from the record; Prefect is not asked. */
  complete(ctx: QueryContext, variable: string, begin: string): readonly Line[];
}

/** What a template ends with where a workspace can be named (RFC 6570). */
export const WORKSPACE_VARIABLE = "{?workspace}";

/** A URI without the workspace that its query names, and that: `prefect://dashboard?workspace=staging`. */
export function splitWorkspace(uri: string): { readonly uri: string; readonly workspace: string | null } {
  const [, base, name = ""] = /^([^?#]*)\?workspace=([^&#]+)$/.exec(uri) ?? [];
  if (base === undefined) return { uri, workspace: null };
  try {
    return { uri: base, workspace: decodeURIComponent(name) };
  } catch {
    return { uri, workspace: null };
  }
}

/** The variables of a URI; null when it does not match the template. */
export function matchTemplate(uriTemplate: string, uri: string): Record<string, string> | null {
  const names: string[] = [];
  const pattern = uriTemplate.replace(/[.?+^$()|[\]\\]/g, "\\$&").replace(/\{(\w+)\}/g, (_, name: string) => {
    names.push(name);
    return "([^/?#]+)";
  });
  const match = new RegExp(`^${pattern}$`).exec(uri);
  if (!match) return null;
  try {
    return Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(match[index + 1] ?? "")]));
  } catch {
    return null;
  }
}
