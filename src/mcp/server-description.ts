/** What this server says about itself, the same whether the SDK or this program answers. */

import type { ToolDefinition } from "../tools/definition/define-tool.ts";
import { toolListing } from "../tools/definition/listing.ts";
import { APPS_EXTENSION, appMeta } from "./offer-apps.ts";
import { TASKS_EXTENSION } from "./protocol/protocol-names.ts";
import type { Tenant } from "./tenant.ts";

/** The name and version of this server. */
export function serverInfo(version: string): { name: string; title: string; version: string } {
  return { name: "prefect-mcp-bun", title: "Prefect (local record)", version };
}

/** JSON of `serverInfo`. */
export function serverJson(version: string): string {
  return JSON.stringify(serverInfo(version));
}

/** https://modelcontextprotocol.io/seps/2640 */
const SKILLS_EXTENSION = "io.modelcontextprotocol/skills";

/** Whether calls of this tenant can become tasks. */
export function makesTasks(tenant: Pick<Tenant, "tasks" | "tools">): boolean {
  return tenant.tasks !== undefined && tenant.tools().some(({ isActing }) => isActing);
}

/**
 * The members in the order in which the SDK writes them. Revision 2025-11-25 has tasks as a capability, which the SDK leaves out of
 * answers of the 2026 era; that has them as an extension. Only changes become tasks.
 */
export function serverCapabilities(tenant: Pick<Tenant, "watch" | "tasks" | "tools">, era: "2025" | "2026") {
  const { watch } = tenant;
  const hasTasks = makesTasks(tenant);
  return {
    ...(hasTasks && era === "2025" ? { tasks: { cancel: {}, requests: { tools: { call: {} } } } } : {}),
    tools: { listChanged: true },
    resources: { listChanged: true, subscribe: watch !== undefined },
    prompts: { listChanged: false },
    completions: {},
    extensions: { [SKILLS_EXTENSION]: {}, [APPS_EXTENSION]: {}, ...(hasTasks ? { [TASKS_EXTENSION]: {} } : {}) },
  };
}

/** Lists that depend on the settings; clients are notified when they change. */
export const OWN_LIST = { ttlMs: 300_000, cacheScope: "private" } as const;

interface ListedTool {
  readonly name: string;
  readonly inputSchema: { readonly type: "object"; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}
const listings = new WeakMap<ToolDefinition, ListedTool>();

/** The tools as `tools/list` names them. */
export function listedTools(
  tools: readonly ToolDefinition[],
  {
    showsApps,
    hasTasks,
  }: {
    readonly showsApps: boolean /** In the 2025 era each tool says whether it can be a task. */;
    readonly hasTasks: boolean;
  },
) {
  const listed = tools.map((tool) =>
    hasTasks && tool.isActing
      ? { ...toListing(tool), execution: { taskSupport: "optional" as const } }
      : toListing(tool),
  );
  return showsApps ? listed.map((tool) => ({ ...tool, ...appMeta(tool.name) })) : listed;
}

function toListing(tool: ToolDefinition): ListedTool {
  const known = listings.get(tool);
  if (known) return known;
  const { inputSchema, ...rest } = toolListing(tool);
  const made = { ...rest, inputSchema: { ...inputSchema, type: "object" as const } };
  listings.set(tool, made);
  return made;
}
