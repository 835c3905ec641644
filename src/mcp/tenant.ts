import type { Logger } from "../lib/logger.ts";
import type { Redact } from "../model/secrets/redact.ts";
import type { WorkspaceListing } from "../model/workspaces.ts";
import type { QueryContext } from "../queries/source/context.ts";
import type { ToolDefinition } from "../tools/definition/define-tool.ts";
import type { CallResult } from "./call-result.ts";
import type { ResourceWatch } from "./resource-watch.ts";
import type { TaskStore } from "./tasks/task-store.ts";

/** The workspaces that a caller of a tenant can name. Each has an application and a record of its own. */
export interface Workspaces {
  /** Name of the workspace of calls that name none; null where no other can be named. Sends no request and opens nothing. */
  activeName(): string | null;
  /** The workspace of this name, held open until `release`. Throws AppError that names the nearest ones. */
  find(name: string, signal: AbortSignal): Promise<NamedTenant>;
  /** Names of the workspaces that a call to all of them asks, the active one first, and of those that it leaves out. */
  names(signal: AbortSignal): Promise<{ readonly asked: readonly string[]; readonly left: readonly string[] }>;
  list(signal: AbortSignal): Promise<WorkspaceListing>;
  /** Names that are known without asking Prefect, the active one first. */
  knownNames(): readonly string[];
  /** Watches a resource of a workspace whose name is known without asking Prefect. Throws AppError for any other. */
  watch(name: string, uri: string, notify: () => void): () => void;
}

export interface NamedTenant {
  readonly name: string;
  readonly tenant: Tenant;
  release(): void;
}

/** One Prefect workspace as the protocol serves it. Over stdio there is one; over HTTP one for each target and credential of callers. */
export interface Tenant {
  readonly version: string;
  readonly logger: Logger;
  readonly isCloud: boolean;
  /** The tools that the settings offer. Makes no request to Prefect. */
  tools(): readonly ToolDefinition[];
  /** The context for the tools of one call. Throws AppError `invalid_config` while the settings are invalid. */
  query(): QueryContext;
  /** `notify` is called when the list of `tools()` has changed. Returns the function that ends this. */
  onToolsChanged(notify: () => void): () => void;
  /** Notifies of changed resources. Without it there are no subscriptions. */
  readonly watch?: ResourceWatch | undefined;
  /** Absent: calls concern this workspace only. */
  readonly workspaces?: Workspaces | undefined;
  /** Changes that continue after their request was answered. Absent: they are answered when they have ended. */
  readonly tasks?: TaskStore<CallResult> | undefined;
  /** Removes the credentials of this workspace from each answer. Null while the settings are invalid. */
  readonly redact?: Redact | null;
  /** Aborts when this tenant is closed; running calls end then. */
  readonly ended?: AbortSignal;
  /** A folder whose path is removed from answers, because callers are on other machines. */
  readonly hiddenPath?: string;
  /** Whether callers are not shown what is wrong with the settings, because these belong to the operator. */
  readonly hidesSettings?: boolean;
}
