/**
 * Names and numbers of the protocol, the same as the SDK's constants: importing those would load the SDK, which takes a third of the time
 * until the first answer. `test/mcp/protocol/protocol-names.test.ts` compares them.
 */

export const PROTOCOL_VERSION_KEY = "io.modelcontextprotocol/protocolVersion";
export const CLIENT_INFO_KEY = "io.modelcontextprotocol/clientInfo";
export const CLIENT_CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities";
/** Joins the result of a task with it, in revision 2025-11-25. */
export const RELATED_TASK_KEY = "io.modelcontextprotocol/related-task";
/** https://modelcontextprotocol.io/seps/2663-tasks-extension */
export const TASKS_EXTENSION = "io.modelcontextprotocol/tasks";
export const SUBSCRIPTION_ID_KEY = "io.modelcontextprotocol/subscriptionId";

export const MODERN_REVISION = "2026-07-28";
/** Revisions that begin with `initialize`. */
export const LEGACY_REVISIONS: readonly string[] = [
  "2025-11-25",
  "2025-06-18",
  "2025-03-26",
  "2024-11-05",
  "2024-10-07",
];

/** Codes of JSON-RPC errors. */
export const INVALID_REQUEST_CODE = -32_600;
