import type { Logger } from "../lib/logger.ts";
import type { Redact } from "../model/secrets/redact.ts";
import type { QueryContext } from "../queries/source/context.ts";
import type { ToolDefinition } from "../tools/definition/define-tool.ts";
import type { ResourceWatch } from "./resource-watch.ts";

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
  readonly watch?: ResourceWatch;
  /** Removes the credentials of this workspace from each answer. Null while the settings are invalid. */
  readonly redact?: Redact | null;
  /** Aborts when this tenant is closed; running calls end then. */
  readonly ended?: AbortSignal;
  /** A folder whose path is removed from answers, because callers are on other machines. */
  readonly hiddenPath?: string;
  /** Whether callers are not shown what is wrong with the settings, because these belong to the operator. */
  readonly hidesSettings?: boolean;
}
