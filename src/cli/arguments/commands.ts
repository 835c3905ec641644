/** Every command with its flags. Parsing, help and the messages about wrong command lines all read this table. */

export interface FlagSpec {
  /** Name of the value in the help text; a flag without it is a switch. */
  readonly value?: string;
  readonly help: string;
}

interface CommandSpec {
  /** Name of the one word that follows the command; without it the command takes no words. */
  readonly word?: string;
  readonly summary: string;
  readonly flags: Readonly<Record<string, FlagSpec>>;
  /** More lines for `COMMAND --help`. */
  readonly details: readonly string[];
}

const JSON_FLAG: FlagSpec = { help: "print one JSON value for programs" };

export const COMMAND_SPECS = {
  serve: {
    summary: "MCP over stdin and stdout; what an MCP client starts (default)",
    flags: {
      http: { help: "serve MCP over HTTP at /mcp instead, beside it /healthz, /readyz and /metrics" },
    },
    details: [
      "Add it to a client as the command `bunx prefect-mcp-bun`.",
      "It keeps the record up to date while it runs. Of several processes that share a record exactly one syncs it.",
    ],
  },
  sync: {
    summary: "fill the record and keep it up to date until interrupted",
    flags: {
      since: { value: "TIME", help: "fetch history from this time on" },
      once: { help: "end when the record is caught up" },
    },
    details: [
      "It fetches events, runs, task runs, deployments, pools, queues, limits, flows, automations and the logs of failed runs.",
      "After an interruption it continues where it stopped.",
    ],
  },
  watch: {
    summary: "follow failures live, and send them to a webhook",
    flags: {
      webhook: { value: "URL", help: "also send each change as a signed POST request (PREFECT_MCP_WEBHOOK_SECRET)" },
      all: { help: "also a failure that occurs for the first time, and its end" },
    },
    details: [
      "It keeps the record up to date, lists the incidents that are open, and then writes one line for each change: an error that",
      "repeats, that returns after its deployments had recovered, or that has recovered. It runs until interrupted.",
      "Messages to the webhook follow https://www.standardwebhooks.com: webhook-id, webhook-timestamp, webhook-signature.",
      "A message is tried up to 5 times. The URL has to be public https, or on this machine.",
    ],
  },
  web: {
    summary: "the workspace in a browser: dashboard, runs, diagnosis, events",
    flags: { "no-open": { help: "only print the address" } },
    details: [
      "It listens on this machine only (--port, by default a free one), shows what the tools answer, and changes nothing in Prefect.",
      "The address contains a token that is new each time. The views follow the record while the command runs.",
    ],
  },
  status: {
    summary: "what the record holds, how recent it is, and which process syncs it",
    flags: { json: JSON_FLAG },
    details: ["It reads only the record; no request is sent to Prefect."],
  },
  audit: {
    summary: "compare the record with Prefect and repair it",
    flags: {
      since: { value: "TIME", help: "compare from this time on instead of the whole covered range" },
      deep: { help: "compare the ids of all events, not only their numbers" },
      json: JSON_FLAG,
    },
    details: [
      "It counts the events that Prefect and the record hold, fetches what the record lacks and prints a report.",
      "Exit code 0 when no difference is left unexplained, else 1.",
    ],
  },
  "audit-log": {
    summary: "what was previewed, changed and refused through this program",
    flags: { limit: { value: "N", help: "the newest N entries (50)" }, json: JSON_FLAG },
    details: [
      "Each preview, attempt, result and refusal of a change is one entry; secrets are redacted. Without --workspace those of all workspaces are in it.",
      "`audit` is something else: it compares the record with Prefect.",
    ],
  },
  fleet: {
    word: "status",
    summary: "the nodes of a fleet of servers and the tenants that they own",
    flags: { json: JSON_FLAG },
    details: [
      "It reads the database in PREFECT_MCP_FLEET_URL: nodes, tenants, owners, and how often each tenant got an owner.",
      "Exit code 0 when there is a node and all have renewed their sessions, else 1.",
    ],
  },
  doctor: {
    summary: "check settings, connection, clock, files and record",
    flags: { json: JSON_FLAG },
    details: [
      "It lists every setting with its origin (secrets masked) and says for each problem how to solve it.",
      "It starts the server as a client does, and again by the command in each client that has it, and calls a tool.",
      "Exit code 0 when nothing has to be fixed, else 1.",
    ],
  },
  setup: {
    summary: "add this server to MCP clients (Claude, Cursor, VS Code, Codex, …), or remove it",
    flags: {
      client: {
        value: "NAME",
        help: "only this client; several with commas between them. Without it: all that are found",
      },
      name: { value: "WORD", help: "name of the server in the client (prefect)" },
      allow: { help: "also write the client's rule that the read-only tools need no question" },
      print: { help: "only show what would be written, and where" },
      replace: { help: "write the entry as a new one: flags and variables that were added to it by hand are dropped" },
      remove: { help: "remove the server instead" },
      yes: { help: "do not ask for confirmation (-y)" },
    },
    details: [
      "It shows what it would write into the clients' files of this user, asks, and writes. A copy of the former text lies beside each file.",
      "Run again, it keeps what was added to the entry by hand. --remove brings back the file as it was before.",
      "The entry has the absolute paths of Bun and of this program, and the flags of this command line: --profile NAME, --tools all.",
      "Credentials are never written: they have to be in a profile of Prefect.",
      "",
      "Example: prefect-mcp-bun setup --client codex,cursor --profile staging",
    ],
  },
  forget: {
    summary: "delete recorded data and release its disk space",
    flags: {
      instance: { value: "URL", help: "of this Prefect instead of the one in the settings" },
      before: { value: "TIME", help: "only what is older than this time" },
      yes: { help: "do not ask for confirmation (-y)" },
      json: JSON_FLAG,
    },
    details: [
      "Damaged record files that were moved aside are deleted too. With --before they stay, because they cannot be read.",
    ],
  },
  tools: {
    summary: "names of all tools, and whether the settings offer them",
    flags: { json: JSON_FLAG },
    details: [],
  },
  call: {
    word: "TOOL",
    summary: "one tool call",
    flags: {
      args: { value: "JSON", help: "arguments of the tool as a JSON object" },
      yes: { help: "send a change without asking for confirmation (-y)" },
      html: { value: "FILE", help: "also write the answer as a page for a browser; it needs no network" },
      json: JSON_FLAG,
    },
    details: [
      "prefect-mcp-bun call TOOL --help lists the arguments of a tool with an example.",
      "The call runs through the same code as a call over MCP. Exit code 1 when the tool answers with an error.",
      "A tool that changes something in Prefect shows what it would send and asks; it needs --writes (docs/acting.md).",
      "A tool in PREFECT_MCP_TOOLS_DENY is refused. The docs tools ask another host only with PREFECT_MCP_DOCS=on or --tools all.",
      "",
      'Example: prefect-mcp-bun call get_flow_runs --args \'{"state": "FAILED", "limit": 5}\'',
    ],
  },
  demo: {
    summary: "try it on a recorded workspace; needs no Prefect",
    flags: {
      stdio: { help: "MCP over stdin and stdout on that workspace, where new events arrive every few seconds" },
    },
    details: [
      "Without --stdio it syncs the recorded workspace into a temporary record and asks a few questions.",
      "Your own settings and record are not used.",
    ],
  },
  help: { word: "[COMMAND]", summary: "this text, or that of a command", flags: {}, details: [] },
  version: { summary: "the version of this program", flags: {}, details: [] },
} as const satisfies Readonly<Record<string, CommandSpec>>;

export type CommandName = keyof typeof COMMAND_SPECS;
export const COMMANDS = Object.keys(COMMAND_SPECS) as readonly CommandName[];

export function commandSpec(name: CommandName): CommandSpec {
  return COMMAND_SPECS[name];
}

export function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMAND_SPECS, word);
}

/** Flags that every command takes, beside the setting flags. */
export const COMMON_FLAGS: Readonly<Record<string, FlagSpec>> = {
  help: { help: "print help and exit (-h)" },
  version: { help: "print the version and exit (-V)" },
  workspace: {
    value: "NAME",
    help: "another workspace: a profile, account/workspace of Prefect Cloud, its id or API URL",
  },
};

/** Commands that concern no workspace, or write the settings of one. */
export const WITHOUT_WORKSPACE: ReadonlySet<CommandName> = new Set(["demo", "help", "setup", "version"]);

export const SHORT_FLAGS: Readonly<Record<string, string>> = { h: "help", V: "version", v: "version", y: "yes" };
