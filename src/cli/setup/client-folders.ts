/** Folders of clients by platform, from injected values. Pure. */
import { posix, win32 } from "node:path";
import type { Machine } from "./client.ts";

type Where = Pick<Machine, "platform" | "home" | "env">;

export function pathsOf({ platform }: Where): typeof posix {
  return platform === "win32" ? win32 : posix;
}

export function inHome(where: Where, ...parts: readonly string[]): string {
  return pathsOf(where).join(where.home, ...parts);
}

/** The folder that a variable names by an absolute path, or one below the home folder. */
export function namedFolder(where: Where, variable: string, ...fallback: readonly string[]): string {
  const { [variable]: named = "" } = where.env;
  return pathsOf(where).isAbsolute(named) ? named : inHome(where, ...fallback);
}

/** `%APPDATA%` on Windows, `~/Library/Application Support` on macOS, `$XDG_CONFIG_HOME` or `~/.config` elsewhere. */
export function appFolder(where: Where): string {
  if (where.platform === "win32") return namedFolder(where, "APPDATA", "AppData", "Roaming");
  if (where.platform === "darwin") return inHome(where, "Library", "Application Support");
  return configFolder(where);
}

/** `$XDG_CONFIG_HOME` or `~/.config`. */
export function configFolder(where: Where): string {
  return namedFolder(where, "XDG_CONFIG_HOME", ".config");
}

/** Where this program keeps what is not a record: `%LOCALAPPDATA%` on Windows, `$XDG_STATE_HOME` or `~/.local/state` elsewhere. */
export function stateFolder(where: Where): string {
  const base =
    where.platform === "win32"
      ? namedFolder(where, "LOCALAPPDATA", "AppData", "Local")
      : namedFolder(where, "XDG_STATE_HOME", ".local", "state");
  return pathsOf(where).join(base, "prefect-mcp-bun");
}
