/** The command line, taken apart. Pure: nothing is read and nothing is checked against the settings. */
import { nearest } from "../../tools/definition/suggestions.ts";

export const COMMANDS = [
  "serve",
  "sync",
  "status",
  "audit",
  "doctor",
  "forget",
  "tools",
  "call",
  "demo",
  "help",
  "version",
] as const;
export type CommandName = (typeof COMMANDS)[number];

/** Flags that stand for a setting: they go to `loadSettings` under the same name. All commands take them. */
export const SETTING_FLAGS = [
  "profile",
  "api-url",
  "data-dir",
  "log-level",
  "tools",
  "host",
  "port",
  "tls-cert",
  "tls-key",
] as const;

type Kind = "value" | "switch";
type FlagTable = Readonly<Record<string, Kind>>;

const EVERYWHERE: FlagTable = { help: "switch", version: "switch" };
const FLAGS: Readonly<Record<CommandName, FlagTable>> = {
  serve: { http: "switch" },
  sync: { since: "value", once: "switch" },
  status: { json: "switch" },
  audit: { json: "switch", since: "value", deep: "switch" },
  doctor: { json: "switch" },
  forget: { instance: "value", before: "value", yes: "switch", json: "switch" },
  tools: { json: "switch" },
  call: { args: "value", json: "switch" },
  demo: { stdio: "switch" },
  help: {},
  version: {},
};
const SHORT: Readonly<Record<string, string>> = { h: "help", V: "version", v: "version", y: "yes" };

export interface Invocation {
  readonly command: CommandName;
  /** Words after the command. */
  readonly words: readonly string[];
  /** Flags of the command that take a value. */
  readonly values: Readonly<Record<string, string>>;
  /** Flags of the command that are on. */
  readonly switches: ReadonlySet<string>;
  /** Flags that stand for settings. */
  readonly settings: Readonly<Record<string, string>>;
}

export type Parsed =
  | { readonly ok: true; readonly invocation: Invocation }
  | { readonly ok: false; readonly message: string };

/** Without a command it is `serve`; `--help` and `--version` win over any command. */
export function parseCommandLine(argv: readonly string[]): Parsed {
  const found = argv.find((arg) => !arg.startsWith("-"));
  const named = commandAt(argv);
  if (named.kind === "unknown") return fail(unknownCommand(named.word));
  const command = named.kind === "found" ? named.command : "serve";
  const rest = named.kind === "found" ? argv.toSpliced(named.index, 1) : argv;
  const flags = readFlags(command, rest);
  if (typeof flags === "string") return fail(flags);
  if (flags.switches.has("help")) return done({ ...flags, command: "help", words: found ? [command] : [] });
  if (flags.switches.has("version")) return done({ ...flags, command: "version", words: [] });
  const wrong = checkWords(command, flags.words) ?? checkHttp(command, flags);
  return wrong ? fail(wrong) : done({ ...flags, command });
}

/** Flags that say where HTTP is served: over stdio they would be without effect. */
const OF_HTTP = ["host", "port", "tls-cert", "tls-key"] as const;

function checkHttp(command: CommandName, { switches, settings }: Flags): string | null {
  const flag = OF_HTTP.find((name) => settings[name] !== undefined);
  if (command !== "serve" || flag === undefined || switches.has("http")) return null;
  return `--${flag} needs --http: without it \`serve\` talks over stdin and stdout.`;
}

const fail = (message: string): Parsed => ({ ok: false, message });
const done = (invocation: Invocation): Parsed => ({ ok: true, invocation });

type Named =
  | { readonly kind: "none" }
  | { readonly kind: "found"; readonly command: CommandName; readonly index: number }
  | { readonly kind: "unknown"; readonly word: string };

/** The first word that is no flag and no value of one. */
function commandAt(argv: readonly string[]): Named {
  const anywhere = { ...EVERYWHERE, ...Object.assign({}, ...Object.values(FLAGS)) } as FlagTable;
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? "";
    if (word === "--") return { kind: "none" };
    if (word.startsWith("-") && word.length > 1) {
      const name = word.replace(/^--?/, "");
      const takesValue = isSetting(name) || anywhere[name] === "value";
      if (takesValue && !word.includes("=")) index += 1;
      continue;
    }
    const command = COMMANDS.find((name) => name === word);
    return command ? { kind: "found", command, index } : { kind: "unknown", word };
  }
  return { kind: "none" };
}

function unknownCommand(word: string): string {
  const near = nearest(word, COMMANDS);
  return `There is no command "${word}"${near ? `; did you mean "${near}"?` : "."} Commands: ${COMMANDS.join(", ")}.`;
}

function isSetting(name: string): boolean {
  return (SETTING_FLAGS as readonly string[]).includes(name);
}

type Flags = Omit<Invocation, "command">;

function readFlags(command: CommandName, argv: readonly string[]): Flags | string {
  const table: FlagTable = { ...EVERYWHERE, ...FLAGS[command] };
  const words: string[] = [];
  const values: Record<string, string> = {};
  const settings: Record<string, string> = {};
  const switches = new Set<string>();
  for (let index = 0; index < argv.length; index++) {
    const arg = argv[index] ?? "";
    if (arg === "--") {
      words.push(...argv.slice(index + 1));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      words.push(arg);
      continue;
    }
    const [given = "", inline] = splitOnce(arg);
    const name = given.startsWith("--") ? given.slice(2) : (SHORT[given.slice(1)] ?? given.slice(1));
    const kind = isSetting(name) ? "value" : table[name];
    if (!kind) return unknownFlag(command, given, table);
    if (kind === "switch") {
      if (inline !== undefined) return `--${name} takes no value.`;
      switches.add(name);
      continue;
    }
    const value = inline ?? argv[index + 1];
    if (value === undefined || (inline === undefined && value.startsWith("--"))) return `--${name} needs a value.`;
    if (inline === undefined) index += 1;
    (isSetting(name) ? settings : values)[name] = value;
  }
  return { words, values, switches, settings };
}

function splitOnce(arg: string): [string, string | undefined] {
  const at = arg.indexOf("=");
  return at < 0 ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)];
}

function unknownFlag(command: CommandName, given: string, table: FlagTable): string {
  const valid = [...Object.keys(table), ...SETTING_FLAGS];
  const near = nearest(given.replace(/^--?/, ""), valid);
  const others = COMMANDS.filter((name) => FLAGS[name][given.replace(/^--?/, "")]);
  const elsewhere = others.length > 0 ? ` (it belongs to ${others.join(", ")})` : "";
  const list = valid.map((name) => `--${name}`).join(", ");
  return `"${command}" has no flag ${given}${elsewhere}${near ? `; did you mean --${near}?` : "."} Flags: ${list}.`;
}

function checkWords(command: CommandName, words: readonly string[]): string | null {
  const [first, second] = words;
  if (command === "call" && first === undefined)
    return "call needs the name of a tool: call TOOL [--args JSON]. `tools` lists them.";
  if (command === "help") return null;
  const extra = command === "call" ? second : first;
  return extra === undefined ? null : `"${command}" does not take "${extra}".`;
}
