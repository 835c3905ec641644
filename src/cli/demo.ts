import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, openApp } from "../app/app.ts";
import { fixedSettings } from "../app/settings-source.ts";
import { openSyncSession } from "../app/sync-session.ts";
import { VERSION } from "../app/version.ts";
import { loadSettings } from "../config/load-settings.ts";
import type { ResolvedSettings } from "../config/settings.ts";
import { type ReplayServer, startReplayServer } from "../demo/replay-server.ts";
import { systemClock } from "../lib/clock.ts";
import {
  asName,
  asPlace,
  counted,
  cutToColumns,
  jsonLine,
  type Line,
  lineOf,
  oneLine,
  own,
  sentence,
  verbatim,
} from "../lib/shown-text.ts";
import { parseIsoUs } from "../lib/time.ts";
import type { CallResult } from "../mcp/call-result.ts";
import { callTool } from "../mcp/guard.ts";
import { serveOverStdio } from "../mcp/stdio/stdio.ts";
import { allTools } from "../tools/index.ts";
import type { CommandContext } from "./command.ts";
import { DEMO_QUESTIONS, type DemoQuestion, OFFLINE_QUESTIONS } from "./demo-questions.ts";
import type { Output } from "./terminal/output.ts";
import { createProgressView } from "./terminal/progress.ts";

/** Lines printed of an answer; a client gets all of them. */
const MAX_LINES = 24;
const MAX_LINES_OFFLINE = 9;
/** The recorded workspace produces an event every few seconds. */
const FIRST_EVENT_WITHIN_MS = 6000;
/** Pause after Prefect is stopped, so that the printed age of the offline answers is visibly larger. */
const OFFLINE_PAUSE_MS = 1500;

/** The program on a recorded workspace. The user's own record and settings are neither read nor written. */
export async function runDemo(ctx: CommandContext): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "prefect-mcp-demo-"));
  const server = await startReplayServer();
  try {
    const resolved = demoSettings(ctx, server.url, folder);
    if (ctx.invocation.switches.has("stdio")) await serveDemo(ctx, resolved);
    else await walkThrough(ctx, server, resolved);
    return 0;
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Settings of the demo: no environment, no profile, a temporary data folder. */
function demoSettings({ invocation }: CommandContext, apiUrl: string, folder: string): ResolvedSettings {
  const { "log-level": logLevel = "error" } = invocation.settings;
  const flags = { "api-url": apiUrl, "data-dir": folder, "log-level": logLevel };
  return loadSettings({ flags, env: {}, cwd: folder, home: folder, platform: process.platform });
}

function openDemoApp({ entry, logger }: CommandContext, resolved: ResolvedSettings): App {
  return openApp({ settings: fixedSettings(resolved), entry, version: VERSION, clock: systemClock, logger });
}

async function serveDemo(ctx: CommandContext, resolved: ResolvedSettings): Promise<void> {
  if (process.stdin.isTTY)
    ctx.out.note(own("MCP over stdin and stdout on the recorded demo workspace; Ctrl-D ends it."));
  await using app = openDemoApp(ctx, resolved);
  app.follow();
  await serveOverStdio(app, { clock: systemClock, signal: ctx.signal });
}

async function walkThrough(ctx: CommandContext, server: ReplayServer, resolved: ResolvedSettings): Promise<void> {
  const { out, signal } = ctx;
  out.line(
    sentence`A recorded Prefect workspace is served at ${asPlace(server.url)} and synced into a temporary record.`,
  );
  await syncOnce(ctx, resolved);
  await using app = openDemoApp(ctx, resolved);
  await firstChange(app, signal);
  const earlier = new Map<string, CallResult["structuredContent"]>();
  let number = 0;
  const ask = async (question: DemoQuestion, maxLines: number): Promise<void> => {
    if (signal.aborted) return;
    number += 1;
    const args = question.args(earlier);
    const result = await callTool(app, toolNamed(question.tool), args, { signal, progress: () => {} });
    earlier.set(question.tool, result.structuredContent);
    print(out, oneLine(`${number}. ${question.question}`), { tool: question.tool, args, result, maxLines });
  };
  for (const question of DEMO_QUESTIONS) await ask(question, MAX_LINES);
  await server.stop();
  await systemClock.sleep(OFFLINE_PAUSE_MS, signal);
  out.line(own("Now Prefect is stopped. The same questions, answered from the record:"));
  out.line();
  const again = DEMO_QUESTIONS.filter(({ tool }) => OFFLINE_QUESTIONS.includes(tool));
  for (const question of again) await ask(question, MAX_LINES_OFFLINE);
  out.line(
    own("In an AI client:  bunx prefect-mcp-bun demo --stdio     With your own Prefect:  bunx prefect-mcp-bun doctor"),
  );
}

/** Starts the sync Worker and waits until its first new rows have arrived. */
async function firstChange(app: App, signal: AbortSignal): Promise<void> {
  const arrived = new AbortController();
  const stopListening = app.onChange(() => arrived.abort());
  app.follow();
  await systemClock.sleep(FIRST_EVENT_WITHIN_MS, AbortSignal.any([signal, arrived.signal]));
  stopListening();
}

async function syncOnce({ out, logger, signal }: CommandContext, { settings }: ResolvedSettings): Promise<void> {
  const view = createProgressView(out);
  const session = openSyncSession({ settings, version: VERSION, clock: systemClock, logger });
  try {
    await session.once({}, (progress) => view.show(progress, systemClock.steadyMs()), signal);
  } finally {
    view.end();
    session.close();
  }
  out.line();
}

function toolNamed(name: string) {
  const tool = allTools.find((candidate) => candidate.name === name);
  if (!tool) throw new RangeError(`the demo calls an unknown tool: ${name}`);
  return tool;
}

interface Shown {
  readonly tool: string;
  readonly args: object;
  readonly result: CallResult;
  readonly maxLines: number;
}

function print(out: Output, question: Line, { tool, args, result, maxLines }: Shown): void {
  const lines = result.content.flatMap((block) => verbatim(block.text));
  out.line(question);
  out.line(lineOf`   ${asName(tool)} ${jsonLine(args)}`);
  for (const line of lines.slice(0, maxLines)) out.line(lineOf`   | ${fitted(line, out)}`);
  if (lines.length > maxLines) out.line(lineOf`   | … ${counted(lines.length - maxLines, "more line")}`);
  out.line(lineOf`   ${sourceLine(result)}`);
  out.line();
}

/** Long rows are cut at the edge of a terminal; a file or pipe gets them whole. */
function fitted(line: Line, out: Output): Line {
  return out.isTerminal ? cutToColumns(line, out.columns - 6, "…") : line;
}

function sourceLine({ structuredContent, isError }: CallResult): Line {
  if (isError) return own("No answer.");
  const {
    source,
    as_of: asOf,
    coverage,
  } = structuredContent as { source?: string; as_of?: string; coverage?: { complete?: boolean } };
  const us = parseIsoUs(asOf ?? "");
  const age = us === undefined ? "" : ` (${Math.max(0, (systemClock.nowUs() - us) / 1e6).toFixed(1)} s ago)`;
  return oneLine(
    `Source: ${source ?? "unknown"}, as of ${asOf ?? "unknown"}${age}${coverage?.complete === false ? ", not complete" : ""}`,
  );
}
