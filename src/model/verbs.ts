/** What the acting tools can do, by tool. The setting `PREFECT_MCP_WRITES` names what of it is allowed. */
export const VERBS = {
  run_deployment: ["run", "backfill"],
  change_flow_run: ["cancel", "retry", "rerun", "resume", "suspend", "set_state"],
  change_schedule: ["pause", "resume"],
  change_work_pool: ["pause", "resume", "limit"],
  change_concurrency_limit: ["limit", "free"],
  change_automation: ["enable", "disable", "create"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type ActingToolName = keyof typeof VERBS;

/** `change_flow_run.cancel` */
export type Permission = `${ActingToolName}.${string}`;

export const ACTING_TOOL_NAMES = Object.keys(VERBS) as readonly ActingToolName[];

export function isActingTool(name: string): name is ActingToolName {
  return Object.hasOwn(VERBS, name);
}

export const ALL_PERMISSIONS: readonly Permission[] = ACTING_TOOL_NAMES.flatMap((tool) =>
  VERBS[tool].map((verb): Permission => `${tool}.${verb}`),
);

/**
 * The permissions that words name: `all`, a verb (`cancel`: of each tool that has it), a tool (all its verbs) or one verb of a tool
 * (`change_work_pool.pause`). `off` names none. `unknown`: words that name nothing, which allow nothing.
 */
export function readPermissions(words: readonly string[]): {
  readonly allowed: ReadonlySet<Permission>;
  readonly unknown: readonly string[];
} {
  const named = words.map((word) => word.trim().toLowerCase()).filter((word) => word !== "" && !OFF.has(word));
  const meant = named.map((word) => ({ word, permissions: permissionsOf(word) }));
  return {
    allowed: new Set(meant.flatMap(({ permissions }) => permissions)),
    unknown: meant.filter(({ permissions }) => permissions.length === 0).map(({ word }) => word),
  };
}

const OFF: ReadonlySet<string> = new Set(["off", "none", "false", "0", "no"]);

function permissionsOf(word: string): readonly Permission[] {
  if (word === "all") return ALL_PERMISSIONS;
  return ALL_PERMISSIONS.filter((permission) => {
    const [tool, verb] = permission.split(".");
    return word === permission || word === tool || word === verb;
  });
}
