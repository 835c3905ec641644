/**
 * The entries that clients of this machine have of this server: each is read back out of the client's file, its command is started as the
 * client would, and a tool is called. Files of the user only, not those of projects.
 */
import { isAbsolute } from "node:path";
import { toAppError } from "../../errors.ts";
import type { Clock } from "../../lib/clock.ts";
import { asName, asPlace, asReason, own, type Sentence, sentence } from "../../lib/shown-text.ts";
import type { Launch, Machine, McpClient } from "../setup/client.ts";
import { CLIENTS } from "../setup/clients.ts";
import { readConfigFile } from "../setup/config-file.ts";
import { readEntry } from "../setup/edit-config.ts";
import { loadFormat } from "../setup/formats/load-format.ts";
import { isPlainTable } from "../setup/formats/nested.ts";
import { isInContainer, isOurs, type KnownEntry, knownEntry } from "../setup/known-entry.ts";
import type { DoctorFinding } from "./finding.ts";
import { bareEnvironment, callOnce } from "./round-trip.ts";

export interface ConfiguredClients {
  readonly machine: Machine;
  /** The words that start `serve` of this program, by which its entries are known. */
  readonly command: readonly string[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

interface Found {
  readonly client: McpClient;
  readonly file: string;
  readonly name: string;
  readonly entry: KnownEntry;
  /** It runs an image, which `setup` does not write. */
  readonly isContainer: boolean;
}

export async function checkConfiguredClients(input: ConfiguredClients): Promise<DoctorFinding[]> {
  const outcomes = await Promise.all(CLIENTS.map((client) => entriesOf(client, input)));
  const found = outcomes.flatMap((outcome) => (Array.isArray(outcome) ? outcome : []));
  const findings: DoctorFinding[] = outcomes.flatMap((outcome) => (Array.isArray(outcome) ? [] : [outcome]));
  const problems = new Map<string, string | null>();
  for (const one of found) {
    const { command, args, env } = one.entry;
    const key = JSON.stringify([command, args, env]);
    // The clients of a machine usually have the same command.
    if (!one.entry.isOff && !problems.has(key)) problems.set(key, await answerOf(one.entry, input));
    findings.push(findingOf(one, problems.get(key) ?? null), ...pathFindings(one, input));
  }
  return findings.length > 0 ? findings : [noClient()];
}

function noClient(): DoctorFinding {
  const what = own("No MCP client of this user has the server yet: `prefect-mcp-bun setup` adds it.");
  return { level: "ok", area: "client", what };
}

/** The entries of a client, or why its file cannot be read. */
async function entriesOf(client: McpClient, { machine, command }: ConfiguredClients): Promise<Found[] | DoctorFinding> {
  const path = client.file(machine);
  try {
    const { text } = readConfigFile(path);
    if (text === null) return [];
    const format = await loadFormat(client.format);
    const tables = [client.servers, client.otherShape?.servers ?? []].filter((path) => path.length > 0);
    const entries = tables.flatMap((path) => {
      const servers = readEntry(format, text, path);
      return isPlainTable(servers) ? Object.entries(servers) : [];
    });
    return entries.flatMap(([name, value]) => {
      const isContainer = isInContainer(value);
      const entry = isContainer || isOurs(value, command) ? knownEntry(value) : null;
      return entry === null ? [] : [{ client, file: path, name, entry, isContainer }];
    });
  } catch (error) {
    const reason = toAppError(error).code === "internal" ? asReason(String((error as Error).message)) : null;
    const what = reason
      ? sentence`${asPlace(client.title)} cannot be checked: ${asPlace(path)}: ${reason}.`
      : toAppError(error).sentence;
    return { level: "warn", area: "client", what, fix: own("Correct the file: the client cannot read it either.") };
  }
}

/** Why the server of an entry does not answer; null when it does. */
function answerOf({ command, args, env }: Launch, { machine, clock, signal }: ConfiguredClients) {
  const start = { env: { ...bareEnvironment(machine.env), ...env }, cwd: machine.home, clock, signal };
  return callOnce([command, ...args], start);
}

function findingOf({ client, file, name, entry, isContainer }: Found, problem: string | null): DoctorFinding {
  const who = sentence`${asPlace(client.title)}, server ${asName(name)} in ${asPlace(file)}`;
  if (entry.isOff) {
    const what = sentence`${who}: it is switched off there.`;
    return { level: "warn", area: "client", what, fix: own("Switch it on in the client, or in that file.") };
  }
  if (problem === null) {
    const what = sentence`${who}: its command starts the server, which answers a tool call.`;
    return { level: "ok", area: "client", what };
  }
  return {
    level: "fix",
    area: "client",
    what: sentence`${who}: its command does not start the server: ${asReason(problem)}.`,
    fix: isContainer
      ? own("Start the command of the entry in a shell: the container program says there why it fails.")
      : writeAgain(client, name),
  };
}

/** A command that only the PATH of a shell leads to works here and not in a program that was started from the desktop. */
function pathFindings({ client, name, entry, isContainer }: Found, { machine }: ConfiguredClients): DoctorFinding[] {
  if (isContainer || !client.isDesktop || entry.isOff || machine.platform === "win32" || isAbsolute(entry.command))
    return [];
  if (Bun.which(entry.command, { PATH: "/usr/local/bin:/usr/bin:/bin" }) !== null) return [];
  const what = sentence`${asPlace(client.title)} starts ${asName(entry.command)} by its name. Started from the desktop it does not have the PATH of this shell, and may not find it.`;
  return [{ level: "warn", area: "client", what, fix: writeAgain(client, name) }];
}

function writeAgain({ id }: McpClient, name: string): Sentence {
  const named = name === "prefect" ? own("") : sentence` --name ${asPlace(name)}`;
  return sentence`Run \`prefect-mcp-bun setup --client ${asPlace(id)}${named}\`, which writes absolute paths.`;
}
