import "../lib/zod-without-jit.ts";
import { toAppError } from "../errors.ts";
import { createLogger, type Logger, type LogLevel } from "../lib/logger.ts";
import { writeStderr } from "../lib/stderr.ts";
import type { CommandName } from "./arguments/commands.ts";
import { type Invocation, parseCommandLine } from "./arguments/parse.ts";
import { UsageError } from "./arguments/usage-error.ts";
import type { Command } from "./command.ts";
import { createOutput, type Output } from "./terminal/output.ts";
import { createPlainLogger } from "./terminal/plain-logger.ts";

export interface Surroundings {
  /** The file that a Worker re-enters. */
  readonly entry: string;
  /** Aborts on SIGINT and SIGTERM; the reason is the exit code. */
  readonly signal: AbortSignal;
  /** Hands over errors that nobody awaited; `report` says whether the process may go on. */
  onStray(report: (error: unknown) => boolean): void;
}

const USAGE_ERROR = 2;
/** They run until told to end: an error that nobody awaited ends neither them nor their other answers. */
const LASTING: ReadonlySet<CommandName> = new Set(["serve", "sync", "demo"]);

/** One command from its arguments to its exit code; everything it printed has left when this resolves. */
export async function runCommandLine(argv: readonly string[], around: Surroundings): Promise<number> {
  const out = createOutput();
  const parsed = parseCommandLine(argv);
  const wrong = parsed.ok ? await wrongValue(parsed.invocation) : parsed.message;
  if (!parsed.ok || wrong !== null) {
    out.note(`prefect-mcp-bun: ${wrong}`);
    await out.flush();
    return USAGE_ERROR;
  }
  const { invocation } = parsed;
  const { command } = invocation;
  const level = commandLogLevel(invocation);
  const logger = command === "serve" ? createLogger(level, writeStderr) : createPlainLogger(level, out);
  around.onStray((error) => {
    reportStray(logger, error);
    return LASTING.has(command);
  });
  const code = await runCommand(invocation, { ...around, out, logger });
  await out.flush();
  const { signal } = around;
  return signal.aborted && command !== "serve" ? Number(signal.reason) : code;
}

/** The schema of the settings is loaded only for a flag that stands for one: `--version` needs none. */
async function wrongValue(invocation: Invocation): Promise<string | null> {
  if (Object.keys(invocation.settings).length === 0) return null;
  return (await import("./arguments/check-flags.ts")).checkFlags(invocation);
}

interface Ready {
  readonly entry: string;
  readonly signal: AbortSignal;
  readonly out: Output;
  readonly logger: Logger;
}

async function runCommand(invocation: Invocation, ready: Ready): Promise<number> {
  try {
    const command = await load(invocation.command);
    return await command({ invocation, ...ready });
  } catch (error) {
    if (ready.signal.aborted) return 1;
    const { code, message, hint } = toAppError(error);
    ready.out.note(`prefect-mcp-bun ${invocation.command}: ${message}${hint ? `\n${hint}` : ""}`);
    if (code === "internal" && error instanceof Error) ready.logger.error("internal error", { stack: error.stack });
    return error instanceof UsageError ? USAGE_ERROR : 1;
  }
}

/** Only what the command needs is loaded: `serve` has to answer soon after it was spawned. */
async function load(command: CommandName): Promise<Command> {
  switch (command) {
    case "serve":
      return (await import("./serve.ts")).runServe;
    case "sync":
      return (await import("./sync.ts")).runSync;
    case "status":
      return (await import("./status.ts")).runStatus;
    case "audit":
      return (await import("./audit.ts")).runAudit;
    case "doctor":
      return (await import("./doctor.ts")).runDoctor;
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

/** People at a shell want the answer, not the log; `--log-level` overrides it, and `serve` follows the setting. */
function commandLogLevel({ settings }: Invocation): LogLevel {
  const asked = settings["log-level"]?.toLowerCase();
  return asked === "debug" || asked === "info" || asked === "error" || asked === "silent" ? asked : "warn";
}

function reportStray(logger: Logger, error: unknown): void {
  const stack = error instanceof Error ? error.stack : undefined;
  logger.error("an error that nobody waited for", { error: String(error), stack });
}
