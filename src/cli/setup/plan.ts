/** What `setup` would change for one client. Files are read, nothing is written. */
import { AppError } from "../../errors.ts";
import { asPlace, asReason, quote, sentence } from "../../lib/shown-text.ts";
import type { Entry, Launch, Machine, McpClient } from "./client.ts";
import { type ConfigFile, readConfigFile } from "./config-file.ts";
import { readEntry, UneditableError, withEntry, withListed, withoutEntry, withoutListed } from "./edit-config.ts";
import type { FileFormat } from "./formats/format.ts";
import { loadFormat } from "./formats/load-format.ts";
import { flagsOf, isOurs } from "./known-entry.ts";

export interface FileChange {
  readonly file: ConfigFile;
  /** The same text as in the file where nothing has to be changed. */
  readonly next: string;
}

export interface ClientPlan {
  readonly client: McpClient;
  readonly action: "add" | "change" | "keep" | "remove" | "absent";
  /** What the file will contain of this server; "" when it is removed. Members that others added are not in it. */
  readonly shown: string;
  /** Flags that the present entry passes to the program and the new one does not. */
  readonly droppedFlags: readonly string[];
  readonly changes: readonly FileChange[];
}

export interface PlanInput {
  readonly client: McpClient;
  readonly machine: Machine;
  /** Name of the server in the client. */
  readonly name: string;
  readonly launch: Launch;
  /** Tools that the client may call without asking; none: no rule is written. */
  readonly approved: readonly string[];
}

function newEntry({ client, name, launch, approved }: PlanInput): Entry {
  return client.entry(launch, name, client.allowing === "entry" ? approved : []);
}

/** What the file of the client has to contain, whether or not it can be edited. */
export async function entryText(input: PlanInput): Promise<string> {
  const { client, name } = input;
  return (await loadFormat(client.format)).show([...client.servers, name], newEntry(input));
}

/** Throws AppError where the file cannot be edited, or the name belongs to another server. */
export async function planAdding(input: PlanInput): Promise<ClientPlan> {
  const { client, machine, name, launch, approved } = input;
  const path = [...client.servers, name];
  const entry = newEntry(input);
  const format = await loadFormat(client.format);
  const file = readConfigFile(client.file(machine));
  const before = file.text ?? "";
  const known = editing(file, () => readEntry(format, before, path));
  if (known !== undefined && !isOurs(known, launch)) throw foreignEntry(file, name);
  const next = editing(file, () => withEntry(format, before, path, entry));
  const rules = await ruleChanges(client, machine, (rule, other, text, list) =>
    withListed(
      other,
      text,
      list,
      approved.map((tool) => rule(name, tool)),
    ),
  );
  const isKept = next === before && rules.every((change) => change.next === (change.file.text ?? ""));
  return {
    client,
    action: known === undefined ? "add" : isKept ? "keep" : "change",
    shown: format.show(path, entry),
    droppedFlags: flagsOf(known).filter((flag) => !flagsOf(entry).includes(flag)),
    changes: [{ file, next }, ...(approved.length === 0 ? [] : rules)],
  };
}

/** Throws AppError like `planAdding`. */
export async function planRemoving({ client, machine, name, launch }: PlanInput): Promise<ClientPlan> {
  const path = [...client.servers, name];
  const format = await loadFormat(client.format);
  const file = readConfigFile(client.file(machine));
  const before = file.text ?? "";
  const known = editing(file, () => readEntry(format, before, path));
  if (known === undefined) return { client, action: "absent", shown: "", droppedFlags: [], changes: [] };
  if (!isOurs(known, launch)) throw foreignEntry(file, name);
  const next = editing(file, () => withoutEntry(format, before, path));
  const rules = await ruleChanges(client, machine, (rule, other, text, list) =>
    withoutListed(other, text, list, (value) => typeof value === "string" && value.startsWith(rule(name, ""))),
  );
  return { client, action: "remove", shown: "", droppedFlags: [], changes: [{ file, next }, ...rules] };
}

type EditRules = (
  rule: (server: string, tool: string) => string,
  format: FileFormat,
  text: string,
  list: readonly string[],
) => string;

/** The change of the file with allow rules, where that is another file than the one with the servers. */
async function ruleChanges({ allowing }: McpClient, machine: Machine, edit: EditRules): Promise<FileChange[]> {
  if (allowing === null || allowing === "entry") return [];
  const file = readConfigFile(allowing.file(machine));
  const format = await loadFormat("json");
  return [{ file, next: editing(file, () => edit(allowing.rule, format, file.text ?? "", allowing.rules)) }];
}

function foreignEntry({ path }: ConfigFile, name: string): AppError {
  return new AppError("invalid_config", sentence`${asPlace(path)} has another server of the name ${quote(name)}.`, {
    hint: "Choose another name with --name, or remove that entry first.",
  });
}

function editing<T>({ path }: ConfigFile, edit: () => T): T {
  try {
    return edit();
  } catch (error) {
    if (!(error instanceof UneditableError)) throw error;
    throw new AppError("invalid_config", sentence`${asPlace(path)} is left as it is: ${asReason(error.message)}.`, {
      hint: "Correct the file, or add the server by hand: --print shows the entry.",
    });
  }
}
