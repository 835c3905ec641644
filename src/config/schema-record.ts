/** Settings of the record, of syncing and of the tools. */
import { ownSetting } from "./setting.ts";
import { bytes, choice, flag, integer, list, number, text } from "./value-types.ts";

export const recordSettings = {
  PREFECT_MCP_DATA_DIR: ownSetting(text, null, {
    type: "folder",
    toml: "mcp.data_dir",
    cli: "data-dir",
    defaultText: "`prefect-mcp-bun` in the platform's data folder",
    description: "Where the records are kept, one file per Prefect instance.",
    invalid: "fatal",
  }),
  PREFECT_MCP_SYNC: ownSetting(flag, true, {
    type: "on/off",
    toml: "mcp.sync",
    description: "Whether `serve` keeps the record up to date; when off, it only answers.",
  }),
  PREFECT_MCP_FOLLOW: ownSetting(list, [], {
    type: "list of names",
    toml: "mcp.follow",
    description:
      "Workspaces that `serve` follows beside the active one for as long as it runs: profiles, or `account/workspace` on Prefect Cloud. Over HTTP, callers of the server's own Prefect may name these.",
  }),
  PREFECT_MCP_STREAM: ownSetting(flag, true, {
    type: "on/off",
    toml: "mcp.stream",
    description: "Whether the websocket is used; when off, Prefect is polled.",
  }),
  PREFECT_MCP_BACKFILL_DAYS: ownSetting(number({ min: 0, max: 36_500 }), 7, {
    type: "days",
    toml: "mcp.backfill_days",
    description: "History fetched by the first sync; at most what the server keeps.",
  }),
  PREFECT_MCP_POLL_SECONDS: ownSetting(number({ min: 1, max: 3600 }), 30, {
    type: "seconds",
    toml: "mcp.poll_seconds",
    description: "Time between catch-ups while the websocket is open and delivers no events.",
  }),
  PREFECT_MCP_POLL_WITHOUT_STREAM_SECONDS: ownSetting(number({ min: 1, max: 20 }), 10, {
    type: "seconds",
    toml: "mcp.poll_without_stream_seconds",
    description: "Time between catch-ups while the websocket cannot be used.",
  }),
  PREFECT_MCP_OVERLAP_SECONDS: ownSetting(number({ min: 10, max: 86_400 }), 150, {
    type: "seconds",
    toml: "mcp.overlap_seconds",
    description: "How much of the range before it each catch-up reads again, for events that arrive late.",
  }),
  PREFECT_MCP_REQUESTS_PER_MINUTE: ownSetting(integer({ min: 0, max: 1_000_000 }), 0, {
    type: "number",
    toml: "mcp.requests_per_minute",
    description:
      "Limit for requests made in the background, of all workspaces of a Prefect Cloud account together; 0 means 600 on Prefect Cloud and 6,000 elsewhere.",
  }),
  PREFECT_MCP_RETENTION_DAYS: ownSetting(number({ min: 0, max: 36_500 }), 90, {
    type: "days",
    toml: "mcp.retention_days",
    whenUnknown: "0",
    description: "History older than this is deleted from the record; 0 keeps all.",
  }),
  PREFECT_MCP_RETENTION_BYTES: ownSetting(bytes, 5 * 1024 ** 3, {
    type: "size",
    toml: "mcp.retention_bytes",
    whenUnknown: "0",
    defaultText: "5GB",
    description: "Disk space for one record; the oldest history is deleted first. 0 means no limit.",
  }),
  PREFECT_MCP_FRESH_SECONDS: ownSetting(number({ min: 0, max: 86_400 }), 60, {
    type: "seconds",
    toml: "mcp.fresh_seconds",
    description: "Age up to which a record answers questions about the present without asking Prefect.",
  }),
  PREFECT_MCP_LIVE_DEADLINE_SECONDS: ownSetting(number({ min: 0.1, max: 600 }), 8, {
    type: "seconds",
    toml: "mcp.live_deadline_seconds",
    description: "Time limit for an answer that has to come from Prefect.",
  }),
  PREFECT_MCP_LOG_LEVEL: ownSetting(choice("debug", "info", "warn", "error", "silent"), "info", {
    type: "word",
    toml: "mcp.log_level",
    cli: "log-level",
    description: "What is logged to stderr: `debug`, `info`, `warn`, `error` or `silent`.",
  }),
  PREFECT_MCP_TOOLS: ownSetting(text, "default", {
    type: "name",
    toml: "mcp.tools",
    cli: "tools",
    description: "Which tools are offered: `core`, `default` or `all`.",
  }),
  PREFECT_MCP_TOOLS_ALLOW: ownSetting(list, [], {
    type: "list of names",
    toml: "mcp.tools_allow",
    description: "Tools offered in addition to those of the preset.",
  }),
  PREFECT_MCP_TOOLS_DENY: ownSetting(list, [], {
    type: "list of names",
    toml: "mcp.tools_deny",
    description: "Tools never offered.",
    invalid: "fatal",
  }),
  PREFECT_MCP_WEBHOOK_SECRET: ownSetting(text, null, {
    type: "secret",
    toml: "mcp.webhook_secret",
    isSecret: true,
    description: "Signs what `watch --webhook` sends; it sends nothing without it. `whsec_` and base64, or any text.",
  }),
  PREFECT_MCP_WEBHOOK_ALLOWED_HOSTS: ownSetting(list, [], {
    type: "list of hosts",
    toml: "mcp.webhook_allowed_hosts",
    description: "Hosts that `watch --webhook` may send to although their address is private, or over http.",
  }),
  PREFECT_MCP_WRITES: ownSetting(list, [], {
    type: "list of verbs",
    toml: "mcp.writes",
    cli: "writes",
    defaultText: "`off`",
    description:
      "What tools may change in Prefect: `off`, `all`, or a list of verbs (`cancel`), tools (`run_deployment`) or verbs of tools (`change_work_pool.pause`).",
  }),
  PREFECT_MCP_DOCS: ownSetting(flag, false, {
    type: "on/off",
    toml: "mcp.docs",
    description: "Whether questions about Prefect's documentation may be sent to another host.",
  }),
  PREFECT_MCP_DOCS_URL: ownSetting(text, "https://prefect-docs.fastmcp.app/mcp", {
    type: "URL",
    toml: "mcp.docs_url",
    aliases: ["PREFECT_DOCS_MCP_URL"],
    description: "URL of that host, the MCP server of Prefect's documentation.",
  }),
};
