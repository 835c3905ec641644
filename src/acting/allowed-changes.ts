import type { Permission } from "../model/verbs.ts";
import type { QueryContext } from "../queries/source/context.ts";
import { readAccess } from "./access.ts";

/** What may be changed in the workspace of this context. */
export function allowedChanges(ctx: Pick<QueryContext, "changes">): ReadonlySet<Permission> {
  return readAccess(ctx)?.allowed ?? new Set();
}
