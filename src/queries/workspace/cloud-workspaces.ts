import { isJsonObject } from "../../lib/exact-json.ts";
import { isUuid } from "../../lib/uuid.ts";
import { cloudIds } from "../../prefect/cloud.ts";
import type { QueryContext } from "../source/context.ts";

/** A workspace that a key of Prefect Cloud sees. */
export interface CloudWorkspace {
  /** `account/workspace`. */
  readonly handle: string;
  readonly id: string;
  readonly apiUrl: string;
}

/** Longest wait for the list. */
const WITHIN_MS = 8_000;

/**
 * The workspaces that the key of this instance sees; empty where it is not Prefect Cloud. Throws AppError.
 * `read_workspaces` in https://github.com/PrefectHQ/prefect/blob/main/src/prefect/client/cloud.py
 */
export async function readCloudWorkspaces(ctx: QueryContext, signal: AbortSignal): Promise<readonly CloudWorkspace[]> {
  const root = cloudIds(ctx.instance)?.root;
  if (root === undefined) return [];
  const read = await ctx.api().getCloud("/me/workspaces", { signal, deadlineMs: WITHIN_MS, retries: 1 });
  return (Array.isArray(read) ? read : []).flatMap((one: unknown) => {
    if (!isJsonObject(one)) return [];
    const { account_id, account_handle, workspace_id, workspace_handle } = one;
    // The ids become part of a URL to which the key is sent.
    if (!isId(account_id) || !isId(workspace_id)) return [];
    const handle = [account_handle, workspace_handle].map((part, index) =>
      nameOr(part, index === 0 ? account_id : workspace_id),
    );
    const apiUrl = `${root}/accounts/${account_id}/workspaces/${workspace_id}`;
    return [{ handle: handle.join("/"), id: workspace_id.toLowerCase(), apiUrl }];
  });
}

function isId(value: unknown): value is string {
  return typeof value === "string" && isUuid(value);
}

function nameOr(value: unknown, fallback: string): string {
  return typeof value === "string" && value !== "" ? value : fallback;
}
