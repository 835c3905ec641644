import type { Logger } from "../lib/logger.ts";
import type { Redact } from "../model/secrets/redact.ts";
import type { QueryContext } from "../queries/source/context.ts";
import type { ToolDefinition } from "../tools/definition/define-tool.ts";
import type { ResourceWatch } from "./resource-watch.ts";

/** What the protocol serves: the tools of one Prefect workspace. The application makes one; HTTP makes one per caller's target. */
export interface Tenant {
  readonly version: string;
  readonly logger: Logger;
  readonly isCloud: boolean;
  /** The tools to list and call, by the settings. Never asks Prefect. */
  tools(): readonly ToolDefinition[];
  /** What the tools of one call may use. Throws AppError `invalid_config` while the settings are broken. */
  query(): QueryContext;
  /** `notify` is called when `tools()` has become another list. Returns the function that ends this. */
  onToolsChanged(notify: () => void): () => void;
  /** Tells when resources have changed; without it none can be subscribed to. */
  readonly watch?: ResourceWatch;
  /** Knows the credentials of this workspace: every answer passes through it once more. Null while the settings are broken. */
  readonly redact?: Redact | null;
  /** Aborts when this tenant is closed: calls that are still running end. */
  readonly ended?: AbortSignal;
  /** A folder of this machine that answers do not name: callers come from elsewhere. */
  readonly hiddenPath?: string;
  /** The settings are the operator's, and callers from elsewhere are not told what is wrong with them. */
  readonly hidesSettings?: boolean;
}
