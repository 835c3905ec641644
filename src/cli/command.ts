import type { Logger } from "../lib/logger.ts";
import type { Invocation } from "./arguments/parse.ts";
import type { Output } from "./terminal/output.ts";

/** What a command gets. Its function is `run<Name>(ctx): Promise<exit code>`, one command per file, loaded when asked for. */
export interface CommandContext {
  readonly invocation: Invocation;
  readonly out: Output;
  /** Plain lines on stderr, at the level of `--log-level`, else warnings and errors. `serve` makes one of its own. */
  readonly logger: Logger;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** The file that a Worker re-enters. */
  readonly entry: string;
}

export type Command = (ctx: CommandContext) => Promise<number>;
