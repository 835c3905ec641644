/** What is read out of an entry that a client's file has already, in whichever of the clients' shapes. Pure. */
import type { Launch } from "./client.ts";
import { isPlainTable } from "./formats/nested.ts";

/** Whether an entry starts this program, from wherever it was installed. `words`: those that start this one. */
export function isOurs(entry: unknown, words: readonly string[]): boolean {
  const text = JSON.stringify(entry) ?? "";
  if (text.includes("prefect-mcp-bun")) return true;
  // Other servers are started by the same Bun, so the last word is compared and not the first one.
  const program = words.at(-1);
  return program !== undefined && text.includes(JSON.stringify(program));
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

/** The key of the table with variables of an entry. */
export function variablesKey(entry: unknown): string | null {
  if (!isPlainTable(entry)) return null;
  return ["env", "environment", "envs"].find((key) => isPlainTable(entry[key])) ?? null;
}
