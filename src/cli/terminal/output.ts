import { oneLine } from "../../lib/shown-text.ts";
import { flushStderr, writeStderr } from "../../lib/stderr.ts";
import { escapeInvisible, visibleText } from "../../lib/visible-text.ts";
import { isTty } from "./is-tty.ts";

/**
 * Everything that commands print goes through this; only the MCP transport also writes to stdout. Names and messages of flows are in it, so
 * what controls a terminal is removed, and in JSON written as `\\uXXXX`.
 */
export interface Output {
  /** Whether stdout is a terminal: then lines are cut to its width and progress is redrawn in place. */
  readonly isTerminal: boolean;
  readonly columns: number;
  line(text?: string): void;
  /** One JSON value, indented, with a line end. */
  json(value: unknown): void;
  /** Writes over the line that was written by this before. */
  redraw(text: string): void;
  /** Written without a line end. */
  ask(question: string): void;
  /** On stderr. */
  note(text: string): void;
  /** Resolves when everything is written; ending the process before would lose text. */
  flush(): Promise<void>;
}

/** Opens stdout with the first line, because under `serve` only the MCP transport may use it. */
export function createOutput(): Output {
  let sink: ReturnType<typeof Bun.stdout.writer> | null = null;
  let pending: Promise<unknown> = Promise.resolve();
  const write = (text: string) => {
    sink ??= Bun.stdout.writer();
    // A reader that has closed the pipe (`… | head`) is not an error.
    const done = Promise.all([sink.write(text), sink.flush()]).catch(() => undefined);
    pending = Promise.all([pending, done]);
  };
  return {
    get isTerminal() {
      return isTty(1);
    },
    get columns() {
      return isTty(1) ? (process.stdout.columns ?? 120) : 120;
    },
    line: (text = "") => write(`${visibleText(text)}\n`),
    json: (value) => write(`${escapeInvisible(JSON.stringify(value, null, 2))}\n`),
    redraw: (text) => write(`\r${visibleText(text)}\u001b[K`),
    ask: (question) => write(`${oneLine(question)} `),
    note: (text) => writeStderr(`${visibleText(text)}\n`),
    flush: async () => {
      await Promise.all([pending, flushStderr()]);
    },
  };
}
