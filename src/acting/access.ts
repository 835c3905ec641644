/** How the application hands over what changes need, and how `acting/` gets at it. */
import { AppError } from "../errors.ts";
import { asName, sentence } from "../lib/shown-text.ts";
import type { Permission } from "../model/verbs.ts";
import type { PrefectWriter } from "../prefect/write-api.ts";
import type { ChangeAccess, QueryContext } from "../queries/source/context.ts";
import type { ActionEntry } from "../store/actions/action-log.ts";
import type { Confirmations } from "./confirmations.ts";

interface ActionNote {
  /** Who called over HTTP, as a label that is no secret; null elsewhere. */
  readonly callerId: string | null;
  readonly detail: object;
}

export interface Acting {
  /** Of the workspace of the query context, and no other. */
  writer(): PrefectWriter;
  readonly allowed: ReadonlySet<Permission>;
  readonly confirmations: Confirmations;
  /** Target and credential: a confirmation counts for one only. */
  readonly tenant: string;
  /** Notes it in the audit log, secrets redacted. Throws AppError `unavailable`. */
  note(entry: Omit<ActionEntry, "instance" | "caller" | "detail"> & ActionNote): void;
}

export function toChangeAccess(acting: Acting): ChangeAccess {
  return acting as unknown as ChangeAccess;
}

export function readAccess({ changes }: Pick<QueryContext, "changes">): Acting | null {
  return changes === undefined ? null : (changes as unknown as Acting);
}

/** Throws AppError `unauthorized` where nothing may be changed in this workspace. */
export function requireActing(ctx: Pick<QueryContext, "changes">): Acting {
  const acting = readAccess(ctx);
  if (acting !== null) return acting;
  throw new AppError("unauthorized", "Changes are off; nothing was sent.", {
    hint: "The operator can allow them with PREFECT_MCP_WRITES.",
  });
}

/** Throws AppError `unauthorized` where the operator does not allow the change. */
export function requirePermission(acting: Acting, permission: Permission): void {
  if (acting.allowed.has(permission)) return;
  throw new AppError("unauthorized", sentence`${asName(permission)} is off; nothing was sent.`, {
    hint: sentence`The operator can allow it with PREFECT_MCP_WRITES=${asName(permission)}.`,
  });
}
