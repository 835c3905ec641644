import { flushStderr, writeStderr } from "../../lib/stderr.ts";
import { isTerminal } from "./is-terminal.ts";

/** The only writer to stdout beside the protocol of `serve`. */
export interface Output {
  /** Whether a person is looking: tables are fitted and progress is redrawn in place. */
  readonly isTerminal: boolean;
  readonly columns: number;
  line(text?: string): void;
  /** One JSON value, indented, with a line end. */
  json(value: unknown): void;
  /** As it is, for progress that is redrawn. */
  raw(text: string): void;
  /** A line for the person on stderr. */
  note(text: string): void;
  /** Resolves when everything has left the process: before that, ending it would cut the text. */
  flush(): Promise<void>;
}

/** Nothing of stdout is touched before the first line: `serve` has it for the protocol. */
export function createOutput(): Output {
  let sink: ReturnType<typeof Bun.stdout.writer> | null = null;
  let pending: Promise<unknown> = Promise.resolve();
  const write = (text: string) => {
    sink ??= Bun.stdout.writer();
    // A reader that went away (`… | head`) is no error of ours.
    const done = Promise.all([sink.write(text), sink.flush()]).catch(() => undefined);
    pending = Promise.all([pending, done]);
  };
  return {
    get isTerminal() {
      return isTerminal(1);
    },
    get columns() {
      return isTerminal(1) ? (process.stdout.columns ?? 120) : 120;
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
