import type { Logger } from "../lib/logger.ts";
import type { QueryContext } from "../queries/context.ts";
import type { ToolDefinition } from "../tools/define.ts";

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
}
