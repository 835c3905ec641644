import { asReason, type Sentence, sentence } from "../../lib/shown-text.ts";
import { KINDS } from "../../model/kinds.ts";
import type { SnapshotKind } from "../../model/objects.ts";

/** States which part of a long list an answer comes from. `since`: `updated` of the oldest object of that part. */
export function newestNote(
  kind: SnapshotKind,
  did: "are recorded" | "were searched",
  { count, since }: { readonly count: number; readonly since: string | null | undefined },
): Sentence {
  return sentence`Of ${KINDS[kind].plural}, only the ${count} that were updated last ${did}, those since ${asReason(since ?? "unknown")}.`;
}
