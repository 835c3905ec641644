/** What `setup` would change for one client. Files are read, nothing is written. */
import { AppError } from "../../errors.ts";
import { asPlace, asReason, own, quote, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { Entry, Machine, McpClient } from "./client.ts";
import { stateFolder } from "./client-folders.ts";
import { type Backup, type ConfigFile, readConfigFile } from "./config-file.ts";
import { readEntry, withEntry, withListed, withOnlyEntry, withoutEntry, withoutListed } from "./edit-config.ts";
import { type FileFormat, UneditableError } from "./formats/format.ts";
import { loadFormat } from "./formats/load-format.ts";
import { isInContainer, isOurs, type KnownEntry, knownEntry, variablesKey } from "./known-entry.ts";
import type { ClientLaunch } from "./launch.ts";
import { textBefore } from "./text-before.ts";

export interface FileChange {
  readonly file: ConfigFile;
  /** The same text as in the file where nothing has to be changed; null: the file is deleted, because `setup` made it. */
  readonly next: string | null;
  /** Copies of earlier texts that are deleted with this change, because they can be made from what stays. */
  readonly obsolete: readonly Backup[];
}

export interface ClientPlan {
  readonly client: McpClient;
  readonly action: "add" | "change" | "keep" | "remove" | "absent";
  /** What the file will contain of this server; "" when it is removed. Members that others added are not in it. */
  readonly shown: string;
  /** The client is configured not to start the server. */
  readonly isOff: boolean;
  readonly changes: readonly FileChange[];
}

/** Where the entry is, and by which words it is recognized. */
export interface EntryPlace {
  readonly client: McpClient;
  readonly machine: Machine;
  /** Name of the server in the client. */
  readonly name: string;
  /** The words that start `serve` of this program. */
  readonly words: readonly string[];
}

export interface PlanInput extends EntryPlace {
  readonly launch: Pick<ClientLaunch, "command" | "args" | "shownArgs" | "env">;
  /** Tools that the client may call without asking; none: no rule is written. */
  readonly approved: readonly string[];
  /** Variables that are taken out of the present entry. */
  readonly droppedVariables: readonly string[];
  /** The present entry is replaced as a whole. */
  readonly isReplacing: boolean;
}

export const isChange = ({ file, next }: FileChange): boolean => next === null || next !== (file.text ?? "");

function newEntry({ client, name, launch, approved }: PlanInput): Entry {
  return client.entry(launch, name, client.allowing === "entry" ? approved : []);
}

/** The client with the shape that its file has. Where the file cannot be read, the plan has the reason. */
async function shapedClient({ client, machine, name }: Pick<EntryPlace, "client" | "machine" | "name">) {
  const { otherShape } = client;
  if (otherShape === undefined) return client;
  try {
    const { text } = readConfigFile(client.file(machine));
    const root = readEntry(await loadFormat(client.format), text ?? "", []);
    return otherShape.isIn(root, name) ? { ...client, ...otherShape } : client;
  } catch {
    return client;
  }
}

/** What the file of the client has to contain, whether or not it can be edited. */
export async function entryText(input: PlanInput): Promise<string> {
  const { name, launch } = input;
  const client = await shapedClient(input);
  const entry = newEntry({ ...input, client, launch: { ...launch, args: launch.shownArgs } });
  return (await loadFormat(client.format)).show([...client.servers, name], entry);
}

/** The entry of this program that the client has already; null where there is none, or the file cannot be read. */
export async function presentEntry(place: EntryPlace): Promise<KnownEntry | null> {
  const { machine, name, words } = place;
  const client = await shapedClient(place);
  try {
    const { text } = readConfigFile(client.file(machine));
    const entry = readEntry(await loadFormat(client.format), text ?? "", [...client.servers, name]);
    return isOurs(entry, words) ? knownEntry(entry) : null;
  } catch {
    // The plan has the reason.
    return null;
  }
}

/** Throws AppError where the file cannot be edited, or the name belongs to another server. */
export async function planAdding(given: PlanInput): Promise<ClientPlan> {
  const client = await shapedClient(given);
  const input = { ...given, client };
  const { machine, name, approved, droppedVariables, isReplacing } = input;
  const path = [...client.servers, name];
  const entry = newEntry(input);
  const format = await loadFormat(client.format);
  const file = readConfigFile(client.file(machine), stateFolder(machine));
  const before = file.text ?? "";
  const known = editing(file, () => readEntry(format, before, path));
  if (known !== undefined && !isOurs(known, input.words)) throw foreignEntry(file, name, known);
  const next = editing(file, () => {
    if (isReplacing) return withOnlyEntry(format, before, path, entry);
    const variables = variablesKey(known);
    const kept = (variables === null ? [] : droppedVariables).reduce(
      (text, variable) => withoutEntry(format, text, [...path, variables ?? "", variable]),
      before,
    );
    return withEntry(format, kept, path, entry);
  });
  const rules = await ruleChanges(client, machine, (rule, other, text, list) =>
    withListed(
      other,
      text,
      list,
      approved.map((tool) => rule(name, tool)),
    ),
  );
  const changes = [{ file, next, obsolete: [] }, ...(approved.length === 0 ? [] : rules)];
  return {
    client,
    action: known === undefined ? "add" : changes.some(isChange) ? "change" : "keep",
    shown: await entryText(input),
    isOff: known !== undefined && !isReplacing && knownEntry(known)?.isOff === true,
    changes,
  };
}

/** Throws AppError like `planAdding`. */
export async function planRemoving(place: EntryPlace): Promise<ClientPlan> {
  const { machine, name, words } = place;
  const client = await shapedClient(place);
  const path = [...client.servers, name];
  const format = await loadFormat(client.format);
  const file = readConfigFile(client.file(machine), stateFolder(machine));
  const before = file.text ?? "";
  const known = editing(file, () => readEntry(format, before, path));
  const plan = { client, shown: "", isOff: false };
  if (known === undefined) return { ...plan, action: "absent", changes: [] };
  if (!isOurs(known, words)) throw foreignEntry(file, name, known);
  const exact = textBefore(file, {
    isFromBefore: (text) => readEntry(format, text, path) === undefined,
    again: (text, later) => withEntry(format, text, path, readEntry(format, later, path) as Entry),
  });
  const change = exact ?? { next: editing(file, () => withoutEntry(format, before, path)), obsolete: [] };
  const rules = await ruleChanges(client, machine, (rule, other, text, list) =>
    withoutListed(other, text, list, (value) => typeof value === "string" && value.startsWith(rule(name, ""))),
  );
  return { ...plan, action: "remove", changes: [{ file, ...change }, ...rules] };
}

type EditRules = (
  rule: (server: string, tool: string) => string,
  format: FileFormat,
  text: string,
  list: readonly string[],
) => string;

/** The change of the file with allow rules, where that is another file than the one with the servers. */
async function ruleChanges({ allowing }: McpClient, machine: Machine, edit: EditRules): Promise<FileChange[]> {
  if (allowing === "entry" || "byHand" in allowing) return [];
  const { rule, rules } = allowing;
  const file = readConfigFile(allowing.file(machine), stateFolder(machine));
  const format = await loadFormat("json");
  const before = file.text ?? "";
  const next = editing(file, () => edit(rule, format, before, rules));
  const listed = (text: string) =>
    [readEntry(format, text, rules) ?? []].flat().filter((one) => typeof one === "string");
  const remaining = listed(next);
  const removed = (text: string) => listed(text).filter((one) => !remaining.includes(one));
  if (removed(before).length === 0) return [{ file, next, obsolete: [] }];
  const exact = textBefore(file, {
    isFromBefore: (text) => removed(before).some((one) => !listed(text).includes(one)),
    again: (text, later) => withListed(format, text, rules, removed(later)),
  });
  return [{ file, ...(exact ?? { next, obsolete: [] }) }];
}

function foreignEntry({ path }: ConfigFile, name: string, entry: unknown): AppError {
  return new AppError("invalid_config", sentence`${asPlace(path)} has another server of the name ${quote(name)}.`, {
    hint: sentence`${whatItIs(entry)} It is left alone: choose another name with --name, or remove that entry first.`,
  });
}

/** Without its arguments, which may be private. */
function whatItIs(entry: unknown): Sentence {
  if (isInContainer(entry)) return own("That one runs this program in a container.");
  const known = knownEntry(entry);
  if (known === null) return own("That one has no command that is started, as a server over HTTP.");
  return sentence`That one is started by ${quote(known.command.split(/[\\/]/).at(-1) ?? "")}, not as this program.`;
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
