import { flushStderr, writeStderr } from "../../lib/stderr.ts";
import { isTty } from "./is-tty.ts";

/** Everything that commands print goes through this; only the MCP transport also writes to stdout. */
export interface Output {
  /** Whether stdout is a terminal: then lines are cut to its width and progress is redrawn in place. */
  readonly isTerminal: boolean;
  readonly columns: number;
  line(text?: string): void;
  /** One JSON value, indented, with a line end. */
  json(value: unknown): void;
  /** Written without a line end, for progress that is redrawn. */
  raw(text: string): void;
  /** One line on stderr. */
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
    line: (text = "") => write(`${text}\n`),
    json: (value) => write(`${JSON.stringify(value, null, 2)}\n`),
    raw: write,
    note: (text) => writeStderr(`${text}\n`),
    flush: async () => {
      await Promise.all([pending, flushStderr()]);
    },
  };
}
