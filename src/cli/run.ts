import "../lib/zod-without-jit.ts";
import { readEnvironment } from "../config/env.ts";
import { toAppError } from "../errors.ts";
import { createLogger, type Logger, type LogLevel } from "../lib/logger.ts";
import { oneLine, type Sentence, sentence } from "../lib/shown-text.ts";
import { writeStderr } from "../lib/stderr.ts";
import { createRedactor, type Redact } from "../model/secrets/redact.ts";
import { redactLogger } from "../model/secrets/redact-logger.ts";
import type { CommandName } from "./arguments/commands.ts";
import { type Invocation, parseCommandLine } from "./arguments/parse.ts";
import { UsageError } from "./arguments/usage-error.ts";
import type { Command } from "./command.ts";
import { createOutput, type Output } from "./terminal/output.ts";
import { createPlainLogger } from "./terminal/plain-logger.ts";

export interface ProcessContext {
  /** The file that the sync Worker runs. */
  readonly entry: string;
  /** Aborts on SIGINT and SIGTERM; the reason is the exit code. */
  readonly signal: AbortSignal;
  /** Sets after which time a signal ends the process in any case. */
  endWithin(ms: number): void;
  /** Registers a reporter of uncaught errors and unhandled rejections; its result says whether the process continues. */
  onUncaught(report: (error: unknown) => boolean): void;
}

const USAGE_ERROR = 2;
/** Commands that run until they are stopped: an uncaught error is logged and does not end them. */
const LONG_RUNNING: ReadonlySet<CommandName> = new Set(["serve", "sync", "watch", "web", "demo"]);

/** Runs one command and resolves to its exit code when everything that it printed is written. */
export async function runCommandLine(argv: readonly string[], processContext: ProcessContext): Promise<number> {
  const out = createOutput(() => readEnvironment().env, process.platform);
  const parsed = parseCommandLine(argv);
  const wrong = parsed.ok ? await wrongValue(parsed.invocation) : parsed.message;
  if (!parsed.ok || wrong !== null) {
    out.note(sentence`prefect-mcp-bun: ${wrong ?? ""}`);
    await out.flush();
    return USAGE_ERROR;
  }
  const { invocation } = parsed;
  const { command } = invocation;
  const level = commandLogLevel(invocation);
  const redact = createRedactor({ credentials: [] });
  const own = command === "serve" ? createLogger(level, writeStderr) : createPlainLogger(level, out);
  const logger = redactLogger(own, redact);
  processContext.onUncaught((error) => {
    logUncaught(logger, error);
    return LONG_RUNNING.has(command);
  });
  const code = await runCommand(invocation, { ...processContext, out, logger, redact });
  await out.flush();
  const { signal } = processContext;
  return signal.aborted && command !== "serve" ? Number(signal.reason) : code;
}

/** What is wrong with the value of a setting flag, or null. */
async function wrongValue(invocation: Invocation): Promise<Sentence | null> {
  if (Object.keys(invocation.settings).length === 0) return null;
  return (await import("./arguments/check-flags.ts")).checkFlags(invocation);
}

interface CommandParts {
  readonly entry: string;
  readonly signal: AbortSignal;
  readonly out: Output;
  readonly logger: Logger;
  readonly redact: Redact;
}

async function runCommand(invocation: Invocation, parts: CommandParts): Promise<number> {
  try {
    const command = await load(invocation.command);
    return await command({ invocation, ...parts });
  } catch (error) {
    if (parts.signal.aborted) return 1;
    const { code, message, hint } = toAppError(error);
    const { redact } = parts;
    parts.out.note(oneLine(`prefect-mcp-bun ${invocation.command}: ${redact.text(message)}`));
    if (hint) parts.out.note(oneLine(redact.text(hint)));
    if (code === "internal" && error instanceof Error) parts.logger.error("internal error", { stack: error.stack });
    return error instanceof UsageError ? USAGE_ERROR : 1;
  }
}

/** Imports only the module of the command, because `serve` has to answer soon after it was spawned. */
async function load(command: CommandName): Promise<Command> {
  switch (command) {
    case "serve":
      return (await import("./serve.ts")).runServe;
    case "sync":
      return (await import("./sync.ts")).runSync;
    case "watch":
      return (await import("./watch.ts")).runWatch;
    case "web":
      return (await import("./web.ts")).runWeb;
    case "status":
      return (await import("./status.ts")).runStatus;
    case "audit":
      return (await import("./audit.ts")).runAudit;
    case "audit-log":
      return (await import("./audit-log.ts")).runAuditLog;
    case "fleet":
      return (await import("./fleet.ts")).runFleet;
    case "doctor":
      return (await import("./doctor.ts")).runDoctor;
    case "setup":
      return (await import("./setup.ts")).runSetup;
    case "forget":
      return (await import("./forget.ts")).runForget;
    case "tools":
      return (await import("./tools.ts")).runTools;
    case "call":
      return (await import("./call.ts")).runCall;
    case "demo":
      return (await import("./demo.ts")).runDemo;
    case "help":
      return (await import("./help.ts")).runHelp;
    case "version":
      return (await import("./version.ts")).runVersion;
  }
}

/** Warnings and errors, or `--log-level`. `serve` reads the setting instead. */
function commandLogLevel({ settings }: Invocation): LogLevel {
  const asked = settings["log-level"]?.toLowerCase();
  return asked === "debug" || asked === "info" || asked === "error" || asked === "silent" ? asked : "warn";
}

function logUncaught(logger: Logger, error: unknown): void {
  const stack = error instanceof Error ? error.stack : undefined;
  logger.error("uncaught error", { error: String(error), stack });
}
