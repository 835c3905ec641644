/** What is read out of an entry that a client's file has already, in whichever of the clients' shapes. Pure. */
import type { Launch } from "./client.ts";
import { isPlainTable } from "./formats/nested.ts";
import { programWord } from "./kept-words.ts";

/** The package, with or without a version. */
const PACKAGE = /^prefect-mcp-bun(@[^\\/]*)?$/;
/** A bundle or the source of this program, from wherever it was installed. */
const SCRIPT = /[\\/]prefect-mcp-bun(\.[cm]?[jt]s)?$|[\\/]prefect-mcp-bun[\\/]src[\\/]main\.ts$/;
const IMAGE = /([\\/]|^)prefect-mcp-bun([:@][^\\/]*)?$/;

/**
 * Whether an entry starts this program. Its command and the word of the program decide, because a name in a folder, a URL or an image says
 * nothing about what is started, and what is ours is changed and removed. `words`: those that start this one.
 */
export function isOurs(entry: unknown, words: readonly string[]): boolean {
  const known = knownEntry(entry);
  if (known === null) return false;
  // Other servers are started by the same Bun, so the last word is compared and not the first one.
  const own = words.at(-1);
  if (known.command === own) return true;
  const program = programWord(known);
  if (program === null) return false;
  return program.at === -1 || program.word === own || PACKAGE.test(program.word) || SCRIPT.test(program.word);
}

/** Whether an entry runs an image of this program. `setup` does not touch it: the container has other files and another Prefect. */
export function isInContainer(entry: unknown): boolean {
  const known = knownEntry(entry);
  if (known === null || !/([\\/]|^)(docker|podman|nerdctl)(\.exe)?$/i.test(known.command)) return false;
  return known.args.some((word) => IMAGE.test(word));
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
