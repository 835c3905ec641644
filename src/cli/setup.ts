import { existsSync, realpathSync } from "node:fs";
import { fatalProblem, settingsFromFiles } from "../app/settings-source.ts";
import { readEnvironment } from "../config/env.ts";
import { loadSettings } from "../config/load-settings.ts";
import { type SettingName, settingMeta } from "../config/schema.ts";
import { AppError, toAppError } from "../errors.ts";
import { systemClock } from "../lib/clock.ts";
import { asNames, asPlace, counted, lineOf, oneLine, own, quote, sentence, verbatim } from "../lib/shown-text.ts";
import { allTools } from "../tools/index.ts";
import type { CommandContext } from "./command.ts";
import type { Machine, McpClient } from "./setup/client.ts";
import { CLIENTS, foundClients } from "./setup/clients.ts";
import { writeConfigFile } from "./setup/config-file.ts";
import { launchFor, programWords } from "./setup/launch.ts";
import { type ClientPlan, entryText, planAdding, planRemoving } from "./setup/plan.ts";
import { askYes } from "./terminal/confirm.ts";

const NAME = "prefect";
const ACTIONS = {
  add: "adds the server to",
  change: "changes the server in",
  keep: "is set up already in",
  remove: "removes the server from",
  absent: "has no such server in",
} as const;

/** Adds this server to MCP clients, or removes it: it shows what it would write, asks, and writes. */
export async function runSetup(ctx: CommandContext): Promise<number> {
  const { invocation, out, signal } = ctx;
  const environment = readEnvironment();
  const machine: Machine = { ...environment, exists: existsSync, which: (name) => programOf(name, environment.env) };
  const clients = chosenClients(invocation.values.client, machine);
  if (clients.length === 0) {
    out.note(sentence`No MCP client was found. Name one with --client: ${asNames(CLIENTS.map(({ id }) => id))}.`);
    return 1;
  }
  const outcomes = await Promise.all(clients.map((client) => planned(ctx, client, machine)));
  for (const outcome of outcomes) show(ctx, outcome, machine);
  const plans = outcomes.flatMap(({ plan }) => (plan === null ? [] : [plan]));
  const code = outcomes.some(({ error }) => error !== null) ? 1 : 0;
  const changes = plans.flatMap((plan) => plan.changes.filter(({ file, next }) => next !== (file.text ?? "")));
  if (invocation.switches.has("print")) return code;
  if (changes.length === 0) {
    out.line(own(code === 0 ? "Nothing has to be changed." : "Nothing was written."));
    return code;
  }
  const question = sentence`Write ${counted(changes.length, "file")}?`;
  if (!invocation.switches.has("yes") && !(await askYes(question, out, signal, "write"))) {
    out.note(own("Nothing was written."));
    return 1;
  }
  for (const { file, next } of changes) {
    const backup = writeConfigFile(file, next);
    out.line(sentence`Wrote ${asPlace(file.path)}${backup === null ? "" : sentence` (before: ${asPlace(backup)})`}`);
  }
  if (!invocation.switches.has("remove")) {
    out.line();
    out.line(own("Restart the client, then ask it: how is my Prefect workspace doing?"));
    out.line(
      own(
        "Where the server does not appear, `prefect-mcp-bun doctor` starts it as a client does and says what is wrong.",
      ),
    );
  }
  return code;
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
  readonly notes: readonly string[];
  /** What to write by hand where the file is left as it is; "" otherwise. */
  readonly byHand: string;
}

async function planned(ctx: CommandContext, client: McpClient, machine: Machine): Promise<Outcome> {
  let byHand = "";
  try {
    const { invocation, entry } = ctx;
    const name = invocation.values.name ?? NAME;
    if (!/^[A-Za-z0-9_-]{1,40}$/.test(name))
      throw new AppError("invalid_input", "--name takes letters, digits, - and _, at most 40.");
    const words = programWords({ executable: process.execPath, entry, real }, machine);
    const approved = invocation.switches.has("allow") ? readOnlyTools() : [];
    if (invocation.switches.has("remove")) {
      const launch = { command: words[0] ?? "", args: words.slice(1), env: {} };
      const plan = await planRemoving({ client, machine, name, launch, approved });
      return { client, plan, error: null, notes: [], byHand };
    }
    const { notes, ...launch } = launchFor(client, {
      words,
      resolved: currentSettings(ctx),
      settingsWith: (env, flags) => loadSettings({ ...machine, env, flags, cwd: machine.home }),
      flags: invocation.settings,
      machine,
      cwd: process.cwd(),
      isSecret: (setting) => settingMeta(setting as SettingName).isSecret === true,
    });
    const input = { client, machine, name, launch, approved };
    byHand = await entryText(input);
    const plan = await planAdding(input);
    const dropped =
      plan.droppedFlags.length === 0
        ? []
        : [
            sentence`The present entry also has ${asNames(plan.droppedFlags)}, which the new one has not: give it to setup to keep it.`,
          ];
    const noRule =
      approved.length > 0 && client.allowing === null
        ? ["It has no allow rule in a file; allow the tools when it asks."]
        : [];
    return { client, plan, error: null, notes: [...notes, ...dropped, ...noRule], byHand };
  } catch (error) {
    return { client, plan: null, error: toAppError(error), notes: [], byHand };
  }
}

function currentSettings({ invocation }: CommandContext) {
  const resolved = settingsFromFiles(invocation.settings, systemClock).current();
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
    for (const { file, next } of plan.changes.slice(1))
      if (next !== (file.text ?? "")) out.line(sentence`  and its allow rules in ${asPlace(file.path)}`);
  }
  for (const note of notes) out.line(lineOf`  ${oneLine(note)}`);
  out.line();
}
