import { existsSync, realpathSync } from "node:fs";
import { isAbsolute } from "node:path";
import { fatalProblem } from "../app/settings-source.ts";
import { readEnvironment } from "../config/env.ts";
import { loadSettings } from "../config/load-settings.ts";
import { type SettingName, settingMeta } from "../config/schema.ts";
import type { SettingValue } from "../config/settings.ts";
import { AppError, toAppError } from "../errors.ts";
import { asNames, asPlace, counted, lineOf, own, quote, type Sentence, sentence, verbatim } from "../lib/shown-text.ts";
import { allTools } from "../tools/index.ts";
import type { CommandContext } from "./command.ts";
import type { Machine, McpClient } from "./setup/client.ts";
import { stateFolder } from "./setup/client-folders.ts";
import { CLIENTS, foundClients } from "./setup/clients.ts";
import {
  backupsOf,
  type ConfigFile,
  deleteBackups,
  deleteConfigFile,
  gitFolderOf,
  readConfigFile,
  writeConfigFile,
} from "./setup/config-file.ts";
import { launchFor, programWords } from "./setup/launch.ts";
import {
  type ClientPlan,
  entryText,
  type FileChange,
  isChange,
  planAdding,
  planRemoving,
  presentEntry,
} from "./setup/plan.ts";
import { presentLaunch, withoutPrefect } from "./setup/present-launch.ts";
import { askYes } from "./terminal/confirm.ts";

const NAME = "prefect";
const ACTIONS = {
  add: "the server will be added to",
  change: "the server will be changed in",
  keep: "the server is set up already in",
  remove: "the server will be removed from",
  absent: "there is no such server in",
} as const;

/** Adds this server to MCP clients, or removes it: it shows what it would write, asks, and writes. */
export async function runSetup(ctx: CommandContext): Promise<number> {
  const { invocation, out, signal } = ctx;
  const machine = thisMachine();
  const clients = chosenClients(invocation.values.client, machine);
  if (clients.length === 0) {
    out.note(sentence`No MCP client was found. Name one with --client: ${asNames(CLIENTS.map(({ id }) => id))}.`);
    return 1;
  }
  const outcomes = await Promise.all(clients.map((client) => planned(ctx, client, machine)));
  for (const outcome of outcomes) show(ctx, outcome, machine);
  const isPlanned = outcomes.every(({ error }) => error === null);
  for (const line of prefectLines(outcomes)) out.line(line);
  const writes = outcomes.flatMap(({ client, plan }) =>
    (plan?.changes ?? []).filter(isChange).map((change) => ({ client, change })),
  );
  if (invocation.switches.has("print")) {
    if (writes.length > 0) out.line(own("Nothing was written, because of --print."));
    return isPlanned ? 0 : 1;
  }
  if (writes.length === 0) {
    out.line(own(isPlanned ? "Nothing has to be changed." : "Nothing was written."));
    return isPlanned ? 0 : 1;
  }
  const question = sentence`Write ${counted(writes.length, "file")}?`;
  if (!invocation.switches.has("yes") && !(await askYes(question, out, signal, "write"))) {
    out.note(own("Nothing was written."));
    return 1;
  }
  const failed = writes.filter(({ client, change }) => !written(ctx, client, change));
  if (!invocation.switches.has("remove") && failed.length < writes.length) {
    out.line();
    out.line(own("Restart the client, then ask it: how is my Prefect workspace doing?"));
    out.line(
      own(
        "Where the server does not appear, `prefect-mcp-bun doctor` starts it as a client does and says what is wrong.",
      ),
    );
  }
  return isPlanned && failed.length === 0 ? 0 : 1;
}

/** Whether the change could be made. The other clients are set up all the same. */
function written(
  { invocation, out }: CommandContext,
  { title }: McpClient,
  { file, next, obsolete }: FileChange,
): boolean {
  const place = asPlace(file.path);
  try {
    if (next === null) {
      deleteConfigFile(file);
      out.line(sentence`${asPlace(title)}: deleted ${place}, which setup had made`);
    } else {
      const copy = writeConfigFile(file, next, obsolete.length === 0);
      const before = copy === null ? own("") : sentence` (its former text: ${asPlace(copy)})`;
      const after = obsolete.length === 0 ? before : own(", as it was before setup");
      out.line(sentence`${asPlace(title)}: wrote ${place}${after}`);
    }
    deleteBackups(file, obsolete);
    for (const line of invocation.switches.has("remove") ? remainingCopies(file) : []) out.line(line);
    return true;
  } catch (error) {
    out.line(sentence`${asPlace(title)}: ${toAppError(error).sentence}`);
    return false;
  }
}

/** Where something else has changed since, copies are not deleted, because they may be the only ones of a text. */
function remainingCopies(file: ConfigFile): readonly Sentence[] {
  const copies = backupsOf(file).map(({ path }) => sentence`    ${asPlace(path)}`);
  const what = own(
    "  Copies of its earlier texts remain, with the keys that were in it. Delete them when you do not need them:",
  );
  return copies.length === 0 ? [] : [what, ...copies];
}

/** Which Prefect the servers ask, because that follows from this shell and is not seen in an entry without flags. */
function prefectLines(outcomes: readonly Outcome[]): readonly Sentence[] {
  const urls = [...new Set(outcomes.flatMap(({ apiUrl }) => (apiUrl === null ? [] : [apiUrl.shown])))];
  const isDefault = outcomes.some(({ apiUrl }) => apiUrl?.isDefault === true);
  const hint = isDefault
    ? own(" No PREFECT_API_URL is set here: add --profile NAME or --api-url URL for another Prefect.")
    : own("");
  const [only] = urls;
  if (only === undefined) return [];
  if (urls.length === 1) return [sentence`The server will ask the Prefect at ${asPlace(only)}.${hint}`];
  return outcomes.flatMap(({ client, apiUrl }) =>
    apiUrl === null
      ? []
      : [sentence`${asPlace(client.title)}: the server will ask the Prefect at ${asPlace(apiUrl.shown)}.`],
  );
}

function thisMachine(): Machine {
  const environment = readEnvironment();
  if (!isAbsolute(environment.home))
    throw new AppError(
      "invalid_config",
      sentence`The home folder ${quote(environment.home)} is not an absolute path.`,
      {
        hint: "Set HOME (on Windows USERPROFILE) to the folder in which the clients keep their files.",
      },
    );
  return { ...environment, exists: existsSync, which: (name) => programOf(name, environment.env) };
}

function programOf(name: string, env: Machine["env"]): string | null {
  return Bun.which(name, { PATH: env.PATH ?? env.Path ?? "" });
}

function chosenClients(asked: string | undefined, machine: Machine): readonly McpClient[] {
  if (asked === undefined) return foundClients(machine);
  return asked.split(",").map((id) => {
    const client = CLIENTS.find((one) => one.id === id.trim());
    if (client) return client;
    throw new AppError("invalid_input", sentence`There is no client ${quote(id)}.`, {
      hint: sentence`Clients: ${asNames(CLIENTS.map((one) => one.id))}.`,
    });
  });
}

interface Outcome {
  readonly client: McpClient;
  readonly plan: ClientPlan | null;
  readonly error: AppError | null;
  readonly notes: readonly Sentence[];
  /** What to write by hand where the file is left as it is; "" otherwise. */
  readonly byHand: string;
  /** Of the Prefect that the server asks; null where the server is removed or cannot be set up. */
  readonly apiUrl: SettingValue | null;
}

async function planned(ctx: CommandContext, client: McpClient, machine: Machine): Promise<Outcome> {
  let byHand = "";
  try {
    const { invocation, entry } = ctx;
    const name = invocation.values.name ?? NAME;
    if (!/^[A-Za-z0-9_-]{1,40}$/.test(name))
      throw new AppError("invalid_input", "--name takes letters, digits, - and _, at most 40.");
    const words = programWords({ executable: process.execPath, entry, real }, machine);
    const place = { client, machine, name, words };
    if (invocation.switches.has("remove"))
      return { client, plan: await planRemoving(place), error: null, notes: [], byHand, apiUrl: null };
    const isReplacing = invocation.switches.has("replace");
    const present = presentLaunch(isReplacing ? null : await presentEntry(place), invocation.settings);
    // The shell that names another Prefect than the present entry does not change what the entry names.
    const here = present.isNaming ? { ...machine, env: withoutPrefect(machine.env), cwd: machine.home } : machine;
    const { notes, kept, apiUrl, ...launch } = launchFor(client, {
      words,
      resolved: currentSettings(here, present.env, { ...present.flags, ...invocation.settings }),
      settingsWith: (env, flags) => loadSettings({ ...machine, env, flags, cwd: machine.home }),
      flags: invocation.settings,
      present,
      machine: here,
      cwd: process.cwd(),
      isSecret: (setting) => settingMeta(setting as SettingName).isSecret === true,
    });
    const approved = invocation.switches.has("allow") ? readOnlyTools() : [];
    const input = { ...place, launch, approved, droppedVariables: present.droppedVariables, isReplacing };
    byHand = await entryText(input);
    const plan = await planAdding(input);
    return { client, plan, error: null, notes: [...notes, ...notesOf(plan, kept, approved)], byHand, apiUrl };
  } catch (error) {
    return { client, plan: null, error: toAppError(error), notes: [], byHand, apiUrl: null };
  }
}

function notesOf(plan: ClientPlan, kept: readonly string[], approved: readonly string[]): readonly Sentence[] {
  const { client, isOff, changes } = plan;
  const repository = changes.some(isChange) ? gitFolderOf(changes[0]?.file.target ?? "") : null;
  const notes = [
    kept.length > 0 &&
      sentence`Kept from the present entry: ${asNames(kept)}. --replace writes the entry without that.`,
    isOff && own("The server is switched off there and stays so: switch it on in the client."),
    approved.length > 0 &&
      typeof client.allowing === "object" &&
      "byHand" in client.allowing &&
      sentence`setup does not write its rules for tools that need no question: ${client.allowing.byHand}.`,
    repository !== null &&
      sentence`The file is in the git repository ${asPlace(repository)}: paths of this computer would be committed with it.`,
  ];
  return notes.filter((note) => note !== false);
}

function currentSettings(
  machine: Machine & { readonly cwd?: string },
  added: Readonly<Record<string, string>>,
  flags: Readonly<Record<string, string>>,
) {
  const resolved = loadSettings({ cwd: process.cwd(), ...machine, env: { ...machine.env, ...added }, flags });
  const problem = fatalProblem(resolved.problems);
  if (problem) throw problem;
  return resolved;
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Tools that change nothing and ask no other host than Prefect. */
function readOnlyTools(): string[] {
  return allTools
    .filter(({ annotations }) => annotations.readOnlyHint && !annotations.openWorldHint)
    .map(({ name }) => name);
}

function show({ invocation, out }: CommandContext, outcome: Outcome, machine: Machine): void {
  const { client, plan, error, notes, byHand } = outcome;
  if (error !== null) {
    out.line(sentence`${asPlace(client.title)}: ${error.sentence}`);
    if (error.ownHint) out.line(sentence`  ${error.ownHint}`);
    const isShown = byHand !== "" && invocation.switches.has("print");
    for (const line of isShown ? verbatim(byHand) : []) out.line(lineOf`    ${line}`);
  }
  if (plan !== null) {
    out.line(sentence`${asPlace(client.title)}: ${ACTIONS[plan.action]} ${asPlace(client.file(machine))}`);
    const isShown = plan.action === "add" || plan.action === "change";
    for (const line of isShown ? verbatim(plan.shown) : []) out.line(lineOf`    ${line}`);
    const remaining =
      plan.action === "absent" ? remainingCopies(readConfigFile(client.file(machine), stateFolder(machine))) : [];
    for (const line of remaining) out.line(line);
    for (const change of plan.changes.slice(1))
      if (isChange(change)) out.line(sentence`  and its allow rules in ${asPlace(change.file.path)}`);
  }
  for (const note of notes) out.line(lineOf`  ${note}`);
  out.line();
}
