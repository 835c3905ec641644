/** What is read out of an entry that a client's file has already, in whichever of the clients' shapes. Pure. */
import type { Launch } from "./client.ts";
import { isPlainTable } from "./formats/nested.ts";

/** Whether an entry starts this program, from wherever it was installed. */
export function isOurs(entry: unknown, launch: Pick<Launch, "command" | "args">): boolean {
  const text = JSON.stringify(entry) ?? "";
  const program = launch.args.find((word) => /\.[jt]s$/.test(word)) ?? launch.command;
  return text.includes("prefect-mcp-bun") || text.includes(JSON.stringify(program).slice(1, -1));
}

export interface KnownEntry extends Launch {
  /** The client is configured not to start it. */
  readonly isOff: boolean;
}

/** How the client starts the server of the entry; null where the entry names no command (a server over HTTP). */
export function knownEntry(entry: unknown): KnownEntry | null {
  if (!isPlainTable(entry)) return null;
  const words = [entry.command ?? entry.cmd, entry.args].flat().filter((word) => typeof word === "string");
  const [command, ...args] = words;
  if (command === undefined) return null;
  const given = [entry.env, entry.environment, entry.envs].find(isPlainTable) ?? {};
  const env = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
  return { command, args, env, isOff: entry.enabled === false || entry.disabled === true };
}

/** Names of flags (`--profile`) among the words of an entry's command. Their values may be private. */
export function flagsOf(entry: unknown): string[] {
  const words = isPlainTable(entry) ? Object.values(entry).filter(Array.isArray).flat() : [];
  const flags = words.map((word) => (typeof word === "string" ? /^--[a-z][a-z-]*/.exec(word)?.[0] : undefined));
  return flags.filter((flag) => flag !== undefined);
}
