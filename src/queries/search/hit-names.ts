/** What a search finds, and the names that are added to it. */
import type { ServerUs } from "../../lib/time.ts";
import type { PrefectEvent } from "../../model/events/event.ts";
import { KINDS, SNAPSHOT_KINDS } from "../../model/kinds.ts";
import type { SnapshotKind } from "../../model/objects.ts";
import type { RecordDb } from "../../store/database.ts";
import type { FoundLog } from "../../store/logs/logs.ts";
import { findFullNames } from "../../store/objects/objects.ts";
import type { FoundObject, FoundRun } from "../../store/search/names-by-words.ts";
import { type OwnerNames, recordedOwnerOf } from "../names/object-names.ts";

export type SearchHit =
  | { readonly kind: "event"; readonly us: ServerUs; readonly id: string; readonly event: PrefectEvent }
  | { readonly kind: "log"; readonly us: number; readonly id: string; readonly found: FoundLog; readonly run?: string }
  | {
      readonly kind: "run";
      readonly us: number;
      readonly id: string;
      readonly run: FoundRun;
      /** Of a flow run, where recorded: its flow and `flow/deployment`. */
      readonly owner?: OwnerNames;
    }
  | ({ readonly kind: "object" } & FoundObject);

/** Deployments and queues with the name of their flow or pool, flow runs with their flow and deployment. */
export function withFullNames(db: RecordDb | null, hits: readonly SearchHit[]): SearchHit[] {
  if (db === null) return [...hits];
  const names = new Map<string, string>();
  for (const kind of SNAPSHOT_KINDS.filter((one) => KINDS[one].parent !== null)) {
    const ids = hits.flatMap((hit) => (hit.kind === "object" && hit.type === kind ? [hit.id] : []));
    if (ids.length > 0) for (const [id, name] of findFullNames(db, kind, ids)) names.set(id, name);
  }
  return hits.map((hit) => {
    if (hit.kind === "object") return { ...hit, name: names.get(hit.id) ?? hit.name };
    const isFlowRun = hit.kind === "run" && hit.run.type === "flow_run";
    return isFlowRun ? { ...hit, owner: recordedOwnerOf(db, hit.id) } : hit;
  });
}

/** Deployments and queues are also found by the names of their flows and pools. */
export function isSearched(kind: SnapshotKind, wants: (kind: SnapshotKind) => boolean): boolean {
  return wants(kind) || SNAPSHOT_KINDS.some((one) => wants(one) && KINDS[one].parent?.kind === kind);
}
