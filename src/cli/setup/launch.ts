/** How a client has to start this program so that it works from any folder and without the environment of a shell. Pure. */
import type { ResolvedSettings, SettingValue } from "../../config/settings.ts";
import { AppError } from "../../errors.ts";
import { asName, asNames, asPlace, asShellWord, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { Launch, Machine, McpClient } from "./client.ts";
import { pathsOf } from "./client-folders.ts";
import { flagsIn, type KeptWords, mergedWords, NO_WORDS } from "./kept-words.ts";

const PACKAGE = "prefect-mcp-bun";

export interface Program {
  /** `process.execPath`: Bun, or the compiled program itself. */
  readonly executable: string;
  /** `Bun.main`. */
  readonly entry: string;
  /** The real path of a file, with symbolic links followed; the same path where it does not exist. */
  real(path: string): string;
}

/** The file system inside of a compiled program: `/$bunfs/root/…`, on Windows `B:\~BUN\root\…`. */
const isCompiled = (entry: string) => /^(\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])/i.test(entry);
/** Folders of `bunx`, `npx`, `pnpm dlx` and `yarn dlx` that are emptied from time to time. */
const isTemporary = (path: string) => /[\\/](bunx-\d+-|_npx[\\/]|dlx-|dlx[\\/])/.test(path);
/** On Windows a client can start these only through a shell. */
const isScript = (path: string) => /\.(cmd|bat|ps1)$/i.test(path);

/** The words that start `serve`, without its flags. */
export function programWords({ executable, entry, real }: Program, machine: Machine): readonly string[] {
  if (isCompiled(entry)) return [lasting(PACKAGE, executable, real, machine)];
  const bun = lasting("bun", executable, real, machine);
  // `bun x` is `bunx`: it fetches the package again when its cache is empty.
  return isTemporary(entry) ? [bun, "x", PACKAGE] : [bun, entry];
}

/**
 * A program by a path that an upgrade keeps: that of PATH where it is a link to this one (Homebrew's own path has the version in it), or
 * another installed Bun where this one is in a cache.
 */
function lasting(name: string, executable: string, real: Program["real"], machine: Machine): string {
  const { join } = pathsOf(machine);
  const isWindows = machine.platform === "win32";
  const own = join(machine.home, ".bun", "bin", isWindows ? `${name}.exe` : name);
  const others = [machine.which(name), name === "bun" && machine.exists(own) ? own : null].filter(
    (path) => path !== null && !isTemporary(path) && !isScript(path),
  ) as string[];
  const file = (path: string) => (isWindows ? real(path).toLowerCase() : real(path));
  const same = others.find((path) => file(path) === file(executable));
  if (same !== undefined) return same;
  return isTemporary(executable) ? (others[0] ?? executable) : executable;
}

export interface LaunchInput {
  readonly words: readonly string[];
  /** The settings in this shell. */
  readonly resolved: ResolvedSettings;
  /** The settings that a server has which is started in the home folder with these variables and flags. */
  settingsWith(env: Machine["env"], flags: Readonly<Record<string, string>>): ResolvedSettings;
  /** Setting flags of the command line: they are passed to the server. */
  readonly flags: Readonly<Record<string, string>>;
  readonly present?: PresentLaunch;
  readonly machine: Machine;
  readonly cwd: string;
  /** Whether a value of the setting is a secret. */
  isSecret(name: string): boolean;
}

/** What the client's present entry has beyond the program, and what of it stays. */
export interface PresentLaunch {
  readonly words: KeptWords;
  readonly env: Readonly<Record<string, string>>;
  /** Flags that are removed, because the command line names another Prefect. */
  readonly dropped: ReadonlySet<string>;
}

export interface ClientLaunch extends Launch {
  /** `args`, with `…` for values that were in the entry before. */
  readonly shownArgs: readonly string[];
  /** Names of flags and variables of the present entry that stay. */
  readonly kept: readonly string[];
  /** The setting of the URL that the server has. */
  readonly apiUrl: SettingValue | null;
  /** What works less well than it could. */
  readonly notes: readonly Sentence[];
}

/**
 * The command for one client. Prefect's profiles are in the home folder and reach every client; variables of the shell reach few, and files
 * of the current folder none. So a profile or a URL becomes a flag, other variables are written down where the client does not pass
 * them, and a credential is never written: it has to be in a profile. Throws AppError where a credential would not reach the server.
 */
export function launchFor(client: McpClient, input: LaunchInput): ClientLaunch {
  const { words, machine, present = NOTHING_PRESENT } = input;
  const [command = "", ...rest] = words;
  const passed = { ...passedVariables(client, machine.env), ...present.env };
  const asked = absolute(input.flags, input);
  const known = Object.entries(flagsIn(present.words.ofProgram)).filter(([flag]) => !present.dropped.has(flag));
  const flags: Record<string, string> = { ...Object.fromEntries(known), ...asked };
  const profile = machine.env.PREFECT_PROFILE;
  if (profile && passed.PREFECT_PROFILE !== profile && !("profile" in flags)) flags.profile = profile;
  const env: Record<string, string> = {};
  const notes: Sentence[] = [];
  const isLost = lostSettings(input.settingsWith(passed, flags));
  for (const { name, variable, origin } of input.resolved.values.filter(isLost).map(sourceOf)) {
    if (input.isSecret(name)) continue;
    if (name === "PREFECT_API_URL") flags["api-url"] = input.resolved.settings.apiUrl ?? "";
    else if (variable !== null) env[variable] = machine.env[variable] ?? "";
    else notes.push(sentence`${asName(name)} (${asPlace(origin)}) does not reach the server: set it in the profile.`);
  }
  const seen = input.settingsWith({ ...passed, ...env }, flags);
  const { auth, customHeaders } = input.resolved.settings;
  if (!Bun.deepEquals(seen.settings.auth, auth) || !Bun.deepEquals(seen.settings.customHeaders, customHeaders))
    throw secretError(client, input);
  const ofShell = seen.values.filter(lostSettings(input.settingsWith({ ...present.env, ...env }, flags)));
  if (ofShell.length > 0) notes.push(shellNote(client, ofShell));
  if (isTemporary(command))
    notes.push(own("Bun itself is in a cache that can be emptied: install it (https://bun.sh) and run setup again."));
  const merge = { flags, replaced: new Set(Object.keys(asked)), dropped: present.dropped };
  const merged = mergedWords(present.words.ofProgram, merge);
  const start = [...(rest[0] === "x" || rest.length === 0 ? [] : present.words.ofBun), ...rest];
  const kept = [...present.words.ofBun, ...merged.kept, ...Object.keys(present.env)];
  const apiUrl = seen.values.find(({ name }) => name === "PREFECT_API_URL") ?? null;
  const [args, shownArgs] = [merged.words, merged.shown].map((tail) => [...start, ...tail]) as [string[], string[]];
  return { command, args, shownArgs, env, notes, kept, apiUrl };
}

const NOTHING_PRESENT: PresentLaunch = { words: NO_WORDS, env: {}, dropped: new Set() };

/** Variables that the client passes on, of those that matter here. */
function passedVariables({ passes }: McpClient, env: Machine["env"]): Record<string, string> {
  if (passes === "all") return { ...env };
  if (passes === "few") return {};
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/KEY|AUTH|TOKEN|SECRET|PASSWORD/i.test(name)));
}

/** Settings of this shell that are other ones in the server. Those of `serve --http` have no meaning there. */
function lostSettings(seen: ResolvedSettings): (value: SettingValue) => boolean {
  const shown = new Map(seen.values.map((value) => [value.name, value.shown]));
  return ({ name, shown: here, isDefault }) =>
    !isDefault && !/^PREFECT_(PROFILE$|MCP_HTTP_|MCP_LOG_LEVEL$)/.test(name) && shown.get(name) !== here;
}

/** `variable`: of the environment; null for a file. */
function sourceOf({ name, origin }: SettingValue): { name: string; variable: string | null; origin: string } {
  return { name, variable: /^environment (\S+)$/.exec(origin)?.[1] ?? null, origin };
}

/** Flags that name a folder or file are written as absolute paths, because a client starts the server elsewhere. */
function absolute(flags: LaunchInput["flags"], { machine, cwd }: LaunchInput): Record<string, string> {
  const paths = pathsOf(machine);
  return Object.fromEntries(
    Object.entries(flags).map(([flag, value]) => [flag, flag === "data-dir" ? paths.resolve(cwd, value) : value]),
  );
}

/** The client passes them on, but has them only where its own shell has them. */
function shellNote({ title }: McpClient, values: readonly SettingValue[]): Sentence {
  const names = asNames(values.map(({ name }) => name));
  return sentence`Variables of this shell that are not written down: ${names}. ${asPlace(title)} passes them on only when it is started from a shell that has them, not from a desktop: \`prefect-mcp-bun setup --profile NAME\` works in both.`;
}

function secretError({ title }: McpClient, { resolved, isSecret }: LaunchInput): AppError {
  const names = asNames(
    resolved.values.filter(({ name, isDefault }) => !isDefault && isSecret(name)).map(({ name }) => name),
  );
  const url = resolved.settings.apiUrl ?? "https://…/api";
  return new AppError(
    "invalid_config",
    sentence`${names} would not reach the server in ${asPlace(title)}, and credentials are not written into files of clients.`,
    {
      hint: sentence`Save it in a profile: \`prefect profile create mcp\`, \`prefect --profile mcp config set PREFECT_API_URL=${asShellWord(url)}\`, the same for ${names}; then \`prefect-mcp-bun setup --profile mcp\`.`,
    },
  );
}
