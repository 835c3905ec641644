/** Links into Prefect's UI. https://github.com/PrefectHQ/prefect/blob/main/src/prefect/utilities/urls.py */
const PATHS = {
  flow: "flows/flow",
  flow_run: "runs/flow-run",
  task_run: "runs/task-run",
  deployment: "deployments/deployment",
  /** By name. */
  work_pool: "work-pools/work-pool",
  work_queue: "work-queues/work-queue",
  automation: "automations/automation",
  concurrency_limit: "concurrency-limits/concurrency-limit",
} as const;
export type LinkedKind = keyof typeof PATHS;

/** The page of one object, or null without a UI. `key`: the id, for work pools the name. */
export function uiLink(uiUrl: string | null, kind: LinkedKind, key: string): string | null {
  return uiUrl === null ? null : `${uiUrl}/${PATHS[kind]}/${encodeURIComponent(key)}`;
}

/** The same with a placeholder, told once per list: `https://…/runs/flow-run/{id}`. */
export function uiLinkTemplate(uiUrl: string | null, kind: LinkedKind): string | null {
  return uiUrl === null ? null : `${uiUrl}/${PATHS[kind]}/{${kind === "work_pool" ? "name" : "id"}}`;
}
