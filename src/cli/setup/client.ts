/** What makes an MCP client: where its settings are, and how it writes down a server. */

import type { Sentence } from "../../lib/shown-text.ts";
import type { ConfigFormat, Member } from "./formats/format.ts";

/** The machine, as far as paths depend on it. Values are passed in, so that a test can stand for any system. */
export interface Machine {
  /** As in `process.platform`. */
  readonly platform: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whether a file or folder exists. */
  exists(path: string): boolean;
  /** The path of a program that is found by its name, or null. */
  which(program: string): string | null;
}

/** How this server is started. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export type Entry = Readonly<Record<string, Member>>;

/** Names for programs that read this table (`--client`). */
export type ClientId =
  | "claude-code"
  | "claude-desktop"
  | "cursor"
  | "vscode"
  | "windsurf"
  | "codex"
  | "gemini"
  | "zed"
  | "opencode"
  | "goose"
  | "copilot"
  | "cline"
  | "cline-cli"
  | "kiro";

export interface McpClient {
  readonly id: ClientId;
  readonly title: string;
  readonly format: ConfigFormat;
  /** The file with the servers of this user, for all projects. */
  file(machine: Machine): string;
  /** Where the documentation says that file is. */
  readonly where: string;
  /** Paths that exist where the client is installed or was used. */
  signs(machine: Machine): readonly string[];
  /** Whether people start it from the desktop, where it does not have the PATH of a shell. */
  readonly isDesktop: boolean;
  /** Names of its program, found on PATH. */
  readonly programs: readonly string[];
  /** Keys from the root of the file to the table of servers. */
  readonly servers: readonly string[];
  /** The server as the client writes it down. `approved`: tools that the client may call without asking. */
  entry(launch: Launch, name: string, approved: readonly string[]): Entry;
  /**
   * Which variables of its own environment the client passes to a server: `all`; `no-secrets`, all but those whose name looks like one of
   * a secret; `few`, a fixed list (HOME, PATH and similar) or, for a desktop program, those of the desktop and not of a shell.
   */
  readonly passes: "all" | "no-secrets" | "few";
  /** Another shape of the file that the client reads too; it is written where the file has it. */
  readonly otherShape?: FileShape;
  /** How tools are allowed without a question; a text: where a person can do that, because `setup` does not. */
  readonly allowing: "entry" | AllowFile | { readonly byHand: Sentence };
  /** The client's own command that adds a server. `words`: the command of the server. */
  line?(name: string, words: readonly string[]): string;
  /** What goes wrong with this client, one sentence each. */
  readonly breaks: readonly string[];
  /** How to see what the client and the server say. */
  readonly log: string;
}

export interface FileShape extends Pick<McpClient, "servers" | "entry"> {
  /** Whether a file has this shape. `root`: its value; `name`: of the server. */
  isIn(root: unknown, name: string): boolean;
}

/** Allow rules that are in another file than the servers. */
export interface AllowFile {
  file(machine: Machine): string;
  readonly rules: readonly string[];
  rule(server: string, tool: string): string;
}
