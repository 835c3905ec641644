import type { LocalUs } from "../../lib/time.ts";
import type { LiveBatch } from "../../model/events/live-batch.ts";
import type { SnapshotKind, SnapshotObjects } from "../../model/objects.ts";
import type { QueryContext } from "./context.ts";

/**
 * Saves objects of a kind that is known only at run time. `readUs`: start of the request, local clock. `isWhole`: the whole list
 * was read.
 */
export function saveObjects<K extends SnapshotKind>(
  ctx: QueryContext,
  kind: K,
  rows: readonly SnapshotObjects[K][],
  readUs: LocalUs,
  isWhole: boolean,
): void {
  // The compiler does not follow that kind and rows belong together.
  ctx.saveLive({ kind, rows, readUs, isWhole } as unknown as LiveBatch);
}
