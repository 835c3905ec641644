import type { Logger } from "../lib/logger.ts";
import type { Invocation } from "./arguments/parse.ts";
import type { Output } from "./terminal/output.ts";

/** What each command gets. A command is one file, imported when it runs; its `run<Name>(ctx)` resolves to the exit code. */
export interface CommandContext {
  readonly invocation: Invocation;
  readonly out: Output;
  /** Plain lines on stderr at `--log-level`, by default warnings and errors. `serve` creates its own. */
  readonly logger: Logger;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Sets after which time a signal ends the process in any case, instead of the usual one. */
  endWithin?(ms: number): void;
  /** The file that the sync Worker runs. */
  readonly entry: string;
}

export type Command = (ctx: CommandContext) => Promise<number>;
