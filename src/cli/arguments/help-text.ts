/** The help texts, made from the table of commands and the settings schema. Pure. */

import { VERSION } from "../../app/version.ts";
import { largest } from "../../lib/lists.ts";
import { type Line, oneLine } from "../../lib/shown-text.ts";
import { COMMANDS, COMMON_FLAGS, type CommandName, commandSpec, type FlagSpec } from "./commands.ts";
import { SETTING_FLAGS } from "./setting-flags.ts";

const PROGRAM = "prefect-mcp-bun";
/** Flags of `serve --http` are listed with `serve`; the others with every command. */
const HTTP_SETTINGS = [...SETTING_FLAGS].filter(([, { isOfHttp }]) => isOfHttp);
const COMMON_SETTINGS = [...SETTING_FLAGS].filter(([, { isOfHttp }]) => !isOfHttp);

/** `columns`: where lines are wrapped. */
export function overview(columns: number): Line[] {
  const commands = COMMANDS.map((name): Entry => [usageOf(name), summaryWithFlags(name)]);
  return [
    `${PROGRAM} ${VERSION}: an MCP server for Prefect that keeps a local record of a workspace and answers from it.`,
    "",
    `Usage: ${PROGRAM} [command] [flags]`,
    "",
    ...entries(commands, columns),
    "",
    ...commonFlags(columns),
    "",
    "Times: 2026-01-31T09:00:00Z, or a span back from now such as 90m, 24h, 7d.",
    "Exit codes: 0 done, 1 failed or something to fix, 2 wrong command line.",
    `Flags of one command: ${PROGRAM} COMMAND --help`,
  ].map(oneLine);
}

export function commandHelp(name: CommandName, columns: number): Line[] {
  const { summary, flags, details, word } = commandSpec(name);
  const own: Entry[] = [...Object.entries(flags), ...(name === "serve" ? HTTP_SETTINGS : [])].map(flagEntry);
  return [
    `${usageOf(name)}: ${summary}`,
    "",
    `Usage: ${PROGRAM} ${[name, word, "[flags]"].filter((part) => part !== undefined).join(" ")}`,
    ...(details.length > 0 ? ["", ...details.flatMap((line) => Bun.wrapAnsi(line, columns).split("\n"))] : []),
    ...(own.length > 0 ? ["", `Flags of ${name}:`, ...entries(own, columns)] : []),
    "",
    ...commonFlags(columns),
  ].map(oneLine);
}

function summaryWithFlags(name: CommandName): string {
  const { summary, flags } = commandSpec(name);
  return [summary, ...Object.entries(flags).map((flag) => `[${flagEntry(flag)[0]}]`)].join("  ");
}

function usageOf(name: CommandName): string {
  const { word } = commandSpec(name);
  return word === undefined ? name : `${name} ${word}`;
}

function commonFlags(columns: number): string[] {
  const flags = [...COMMON_SETTINGS, ...Object.entries(COMMON_FLAGS)];
  return ["Flags of every command:", ...entries(flags.map(flagEntry), columns)];
}

type Entry = readonly [left: string, right: string];

function flagEntry([name, { value, help }]: readonly [string, FlagSpec]): Entry {
  return [`--${name}${value === undefined ? "" : ` ${value}`}`, help];
}

/** Two columns, the right one wrapped. */
function entries(list: readonly Entry[], columns: number): string[] {
  const indent = 4 + largest(list.map(([left]) => left.length));
  return list.flatMap(([left, right]) =>
    Bun.wrapAnsi(right, Math.max(30, columns - indent))
      .split("\n")
      .map((line, index) => (index === 0 ? `  ${left}`.padEnd(indent) : " ".repeat(indent)) + line),
  );
}
