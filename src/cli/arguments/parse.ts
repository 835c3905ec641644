/** Parses the command line. Pure: nothing is read, and values are not checked. */
import { asNames, asPlace, joined, own, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import { nearest } from "../../tools/definition/suggestions.ts";
import {
  COMMANDS,
  COMMON_FLAGS,
  type CommandName,
  commandSpec,
  type FlagSpec,
  isCommand,
  SHORT_FLAGS,
  WITHOUT_WORKSPACE,
} from "./commands.ts";
import { SETTING_FLAGS } from "./setting-flags.ts";

export interface Invocation {
  readonly command: CommandName;
  /** Words after the command. */
  readonly words: readonly string[];
  /** Flags of the command that take a value. */
  readonly values: Readonly<Record<string, string>>;
  /** Flags of the command that are on. */
  readonly switches: ReadonlySet<string>;
  /** Values of setting flags. */
  readonly settings: Readonly<Record<string, string>>;
}

export type Parsed =
  | { readonly ok: true; readonly invocation: Invocation }
  | { readonly ok: false; readonly message: Sentence };

type FlagTable = Readonly<Record<string, FlagSpec>>;

const ALWAYS: FlagTable = { ...COMMON_FLAGS, ...Object.fromEntries(SETTING_FLAGS) };
/** A flag name takes a value in all commands or in none, so the line can be split before the command is known. */
const ANYWHERE: FlagTable = Object.assign({}, ALWAYS, ...COMMANDS.map((name) => commandSpec(name).flags));
const OPTIONS = Object.fromEntries(
  Object.entries(ANYWHERE).map(([name, { value }]) => [name, { type: value ? "string" : "boolean" } as const]),
);

interface GivenFlag {
  /** As it was typed, without its value. */
  readonly typed: string;
  readonly name: string;
  readonly value: string | undefined;
  /** Whether the value follows an equals sign. */
  readonly isInline: boolean;
}

/** Without a command it is `serve`; `--help` and `--version` override any command. */
export function parseCommandLine(argv: readonly string[]): Parsed {
  const { words, flags } = split(argv);
  const [word] = words;
  if (word !== undefined && !isCommand(word)) return fail(unknownWord(words, flags));
  const command = word ?? "serve";
  const found = readFlags(command, flags);
  if (typeof found === "string") return fail(found);
  const { switches } = found;
  if (switches.has("help")) return done({ ...found, command: "help", words: helpTopic(words) });
  if (switches.has("version")) return done({ ...found, command: "version", words: [] });
  const invocation = { ...found, command, words: words.slice(1) };
  const wrong = checkWords(invocation) ?? checkHttp(invocation) ?? checkWorkspace(invocation);
  return wrong ? fail(wrong) : done(invocation);
}

/** The command, and of `call` also the tool. */
function helpTopic([word, tool]: readonly string[]): readonly string[] {
  return [word, word === "call" ? tool : undefined].filter((one) => one !== undefined);
}

const fail = (message: Sentence): Parsed => ({ ok: false, message });
const done = (invocation: Invocation): Parsed => ({ ok: true, invocation });

function split(argv: readonly string[]): { words: string[]; flags: GivenFlag[] } {
  if (!argv.some((arg) => arg.startsWith("-"))) return { words: [...argv], flags: [] };
  // Loading it takes 3 ms, and clients mostly start `serve` without flags.
  const { parseArgs } = require("node:util") as typeof import("node:util");
  const { tokens } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const words: string[] = [];
  const flags: GivenFlag[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value, inlineValue } = token;
    const isShort = !rawName.startsWith("--");
    flags.push({
      typed: isShort ? (argv[token.index] ?? rawName) : rawName,
      name: isShort ? (SHORT_FLAGS[name] ?? name) : name,
      value,
      isInline: inlineValue === true,
    });
  }
  return { words, flags };
}

/** An unknown word can be the value of an unknown flag: then the flag is reported. */
function unknownWord(words: readonly string[], flags: readonly GivenFlag[]): Sentence {
  const [word = ""] = words;
  const near = nearest(word, COMMANDS);
  const wrongFlag = flags.find(({ name }) => !Object.hasOwn(ANYWHERE, name));
  if (!near && wrongFlag) return unknownFlag(words.find(isCommand) ?? "serve", wrongFlag);
  return sentence`There is no command ${quote(word)}${near ? sentence`; did you mean ${quote(near)}?` : "."} Commands: ${asNames(COMMANDS)}.`;
}

function readFlags(
  command: CommandName,
  flags: readonly GivenFlag[],
): Omit<Invocation, "command" | "words"> | Sentence {
  const table: FlagTable = { ...ALWAYS, ...commandSpec(command).flags };
  const values: Record<string, string> = {};
  const settings: Record<string, string> = {};
  const switches = new Set<string>();
  for (const flag of flags) {
    const { name, value, isInline } = flag;
    const spec = Object.hasOwn(table, name) ? table[name] : undefined;
    if (!spec) return unknownFlag(command, flag);
    if (spec.value === undefined) {
      if (isInline) return sentence`${asPlace(`--${name}`)} takes no value.`;
      switches.add(name);
      continue;
    }
    if (value === undefined || (!isInline && value.startsWith("--")))
      return sentence`${asPlace(`--${name}`)} needs a value.`;
    (SETTING_FLAGS.has(name) ? settings : values)[name] = value;
  }
  return { values, switches, settings };
}

function unknownFlag(command: CommandName, { typed, name }: GivenFlag): Sentence {
  const valid = Object.keys({ ...commandSpec(command).flags, ...ALWAYS });
  const near = nearest(typed.replace(/^--?/, ""), valid);
  const owners = COMMANDS.filter((other) => Object.hasOwn(commandSpec(other).flags, name));
  const elsewhere = owners.length > 0 ? sentence` (it belongs to ${asNames(owners)})` : own("");
  const list = joined(
    valid.map((flag) => asPlace(`--${flag}`)),
    ", ",
  );
  return sentence`${quote(command)} has no flag ${asPlace(typed)}${elsewhere}${near ? sentence`; did you mean ${asPlace(`--${near}`)}?` : "."} Flags: ${list}.`;
}

function checkWords({ command, words }: Invocation): Sentence | null {
  if (command === "call" && words.length === 0)
    return own("call needs the name of a tool: call TOOL [--args JSON]. `tools` lists them.");
  const most = commandSpec(command).word === undefined ? 0 : command === "help" && words[0] === "call" ? 2 : 1;
  const extra = words[most];
  if (extra === undefined) return null;
  const how = command === "call" ? own(` The tool's arguments are one JSON object: --args '{"limit": 5}'.`) : own("");
  return sentence`${quote(command)} does not take ${quote(extra)}.${how}`;
}

function checkWorkspace({ command, values }: Invocation): Sentence | null {
  if (values.workspace === undefined || !WITHOUT_WORKSPACE.has(command)) return null;
  return sentence`${quote(command)} does not take --workspace.${command === "setup" ? " Name the profile: --profile." : ""}`;
}

/** Flags that say where HTTP is served have no effect over stdio. */
function checkHttp({ command, switches, settings }: Invocation): Sentence | null {
  const flag = Object.keys(settings).find((name) => SETTING_FLAGS.get(name)?.isOfHttp);
  if (command !== "serve" || flag === undefined || switches.has("http")) return null;
  return sentence`${asPlace(`--${flag}`)} needs --http: without it \`serve\` uses stdin and stdout.`;
}
