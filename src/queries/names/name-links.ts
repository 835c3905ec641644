/** Objects named by a link into Prefect's UI or by a resource id. */
import { isUuid } from "../../lib/uuid.ts";
import { splitResourceId } from "../../model/events/event.ts";
import { KINDS, NAMED_KINDS, type NamedKind } from "../../model/kinds.ts";

/** The target of a link. `key` is the id, for work pools the name, and for queues in a pool `<pool>/<queue>`. */
export interface LinkTarget {
  readonly kind: NamedKind;
  readonly key: string;
}

/** Paths of older UIs, and of pages within a work pool. The first match counts. */
const OTHER_PATHS: readonly (readonly [RegExp, NamedKind])[] = [
  [/\/flow-runs\/flow-run\/([^/]+)/, "flow_run"],
  [/\/(?:flow-runs|task-runs)\/task-run\/([^/]+)/, "task_run"],
  [/\/work-pools\/work-pool\/([^/]+\/queue\/[^/]+)/, "work_queue"],
];
const PATHS: typeof OTHER_PATHS = [
  ...OTHER_PATHS,
  ...NAMED_KINDS.map((kind) => [new RegExp(`/${KINDS[kind].uiPath}/([^/]+)`), kind] as const),
];

/** The target of a UI link (of any base URL) or of a resource id such as `prefect.flow-run.<id>`. Null for other texts. */
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
  const named = NAMED_KINDS.find((one) => KINDS[one].resource === kind);
  return named !== undefined && isUuid(key) ? { kind: named, key } : null;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
