/**
 * Prefect Cloud's routes outside the workspace's API (`/me/`, `/accounts/{id}`).
 * https://github.com/PrefectHQ/prefect/blob/main/src/prefect/client/cloud.py
 */
import { withoutEndSlashes } from "../lib/http-url.ts";
import type { PrefectApi } from "./api.ts";
import type { PrefectConnection } from "./transport/connection.ts";
import type { Http } from "./transport/http.ts";

const WORKSPACE = /^(.*)\/accounts\/([0-9a-f-]{36})\/workspaces\/([0-9a-f-]{36})$/i;

/** Account and workspace of a Cloud API URL, and the root that precedes them; null when the URL has another form. */
export function cloudIds(url: string): { root: string; accountId: string; workspaceId: string } | null {
  const [, root, accountId, workspaceId] = WORKSPACE.exec(url) ?? [];
  return root !== undefined && accountId && workspaceId ? { root, accountId, workspaceId } : null;
}

export function createCloudCalls(http: Http, connection: PrefectConnection): Pick<PrefectApi, "getCloud"> {
  const root = cloudIds(http.url)?.root ?? withoutEndSlashes(connection.cloudApiUrl);
  return { getCloud: (path, options) => http.get(path, options, root) };
}
