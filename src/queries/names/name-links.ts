/** Objects named by a link into Prefect's UI or by a resource id. */
import { isUuid } from "../../lib/uuid.ts";
import { splitResourceId } from "../../model/events/event.ts";

export const NAMED_KINDS = [
  "flow_run",
  "task_run",
  "deployment",
  "flow",
  "work_pool",
  "work_queue",
  "automation",
] as const;
/** What a caller may name. */
export type NamedKind = (typeof NAMED_KINDS)[number];

/** What a link points at: `key` is an id, or a name for pools, and for queues given with their pool. */
export interface LinkTarget {
  readonly kind: NamedKind;
  readonly key: string;
}

/** https://github.com/PrefectHQ/prefect/blob/main/src/prefect/utilities/urls.py, and the older and newer UI's own paths. */
const PATHS: readonly (readonly [RegExp, NamedKind])[] = [
  [/\/(?:runs|flow-runs)\/flow-run\/([^/]+)/, "flow_run"],
  [/\/(?:runs|flow-runs|task-runs)\/task-run\/([^/]+)/, "task_run"],
  [/\/deployments\/deployment\/([^/]+)/, "deployment"],
  [/\/flows\/flow\/([^/]+)/, "flow"],
  [/\/work-queues\/work-queue\/([^/]+)/, "work_queue"],
  [/\/work-pools\/work-pool\/([^/]+\/queue\/[^/]+)/, "work_queue"],
  [/\/work-pools\/work-pool\/([^/]+)/, "work_pool"],
  [/\/automations\/automation\/([^/]+)/, "automation"],
];

/** The target of a UI link (under any base, `/v2` included) or of a resource id `prefect.flow-run.<id>`; null for other text. */
export function parseLink(text: string): LinkTarget | null {
  if (/^https?:\/\//i.test(text)) {
    const path = URL.canParse(text) ? new URL(text).pathname : "";
    for (const [pattern, kind] of PATHS) {
      const key = pattern.exec(path)?.[1];
      if (key !== undefined) return { kind, key: decode(key.replace("/queue/", "/")) };
    }
    return null;
  }
  const { kind, key } = splitResourceId(text);
  const named = NAMED_KINDS.find((one) => kind === `prefect.${one.replace("_", "-")}`);
  return named !== undefined && isUuid(key) ? { kind: named, key } : null;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
